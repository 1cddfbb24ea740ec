//! Interrupts, withheld from EL1 and EL0 while something else is to come first. By the GIC's CPU interface, because EL1's masks are EL1's:
//! what comes would find them changed. What is pending stays so.

use super::registers::{read, write};

/// The interrupt groups that were let through.
pub struct Withheld([u64; 2]);

impl Withheld {
    /// From now on none comes.
    pub fn now() -> Withheld {
        let groups = [read!("s3_0_c12_c12_6"), read!("s3_0_c12_c12_7")];
        write([0; 2]);
        Withheld(groups)
    }

    /// Any may come.
    pub fn give_back(self) {
        write(self.0);
    }
}

/// ICC_IGRPEN0_EL1 and ICC_IGRPEN1_EL1.
fn write([group_0, group_1]: [u64; 2]) {
    write!("s3_0_c12_c12_6", group_0);
    write!("s3_0_c12_c12_7", group_1);
}
