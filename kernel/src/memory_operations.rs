//! Memory copy and set (MOPS): three instructions each, of which the first leaves the others registers in one of two formats,
//! whichever the CPU has. A task that has moved to a CPU with the other one, or that has jumped into the middle, gets an
//! exception there: what is left to do is put in registers as it was before the first, and the program goes on with that.
//!
//! Pure, but for [`init_cpu`]; its tests run on the host.

/// What the CPU says of it. Arm ARM D24.2.40, ISS of EC 0x27.
#[derive(Clone, Copy)]
struct Operation(u64);

impl Operation {
    const fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 != 0
    }

    /// It sets memory; or it copies.
    const fn sets(self) -> bool {
        self.has(24)
    }

    /// It was the last of the three, not the second.
    const fn is_last(self) -> bool {
        self.has(18)
    }

    /// The registers are in the format of option A; or of option B. The CPU has one, and may have found the other.
    const fn is_option_a(self) -> bool {
        self.has(16) != self.has(17)
    }

    const fn destination(self) -> usize {
        (self.0 >> 10 & 0x1f) as usize
    }

    const fn source(self) -> usize {
        (self.0 >> 5 & 0x1f) as usize
    }

    const fn size(self) -> usize {
        (self.0 & 0x1f) as usize
    }
}

/// PSTATE.N: in option B, it copies from the end on.
const NEGATIVE: u64 = 1 << 31;

/// Changes `registers` to what the first instruction would begin with now, and gives how far before the instruction it is.
pub fn begin_anew(syndrome: u64, pstate: u64, registers: &mut [u64; 31]) -> u64 {
    let operation = Operation(syndrome);
    let size = registers.get(operation.size()).copied().unwrap_or(0);
    let mut add = |register: usize, value: u64| {
        if let Some(register) = registers.get_mut(register) {
            *register = register.wrapping_add(value);
        }
    };
    // Both pointers lie at an end, and what is left is before it.
    let from_start_on = operation.is_option_a() && (operation.sets() || (size as i64) < 0);
    let from_end_on = !operation.is_option_a() && !operation.sets() && pstate & NEGATIVE != 0;
    if from_start_on || from_end_on {
        let back = if from_start_on { size } else { size.wrapping_neg() };
        add(operation.destination(), back);
        if !operation.sets() {
            add(operation.source(), back);
        }
    }
    if from_start_on && let Some(register) = registers.get_mut(operation.size()) {
        *register = size.wrapping_neg();
    }
    if operation.is_last() { 8 } else { 4 }
}

/// What every CPU does for itself: user mode has these instructions, if the CPU has.
#[cfg(target_os = "none")]
pub fn init_cpu() {
    use crate::registers::{read_register, write_register};
    const ENABLED: u64 = 1 << 33;
    // ID_AA64ISAR2_EL1.MOPS.
    if read_register!("S3_0_C0_C6_2") >> 16 & 0xf != 0 {
        let system = read_register!("sctlr_el1") | ENABLED;
        // SAFETY: the kernel has none of them.
        unsafe { write_register!("sctlr_el1", system) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: u64 = 1 << 24;
    const LAST: u64 = 1 << 18;
    const WRONG: u64 = 1 << 17;
    const OPTION_A: u64 = 1 << 16;

    /// X1, X2 and X3 after; the source stays where nothing is copied.
    fn after(what: u64, pstate: u64, [destination, source, size]: [u64; 3]) -> ([u64; 3], u64) {
        let mut registers = [7; 31];
        (registers[1], registers[2], registers[3]) = (destination, source, size);
        let back = begin_anew(what | 1 << 10 | 2 << 5 | 3, pstate, &mut registers);
        assert!(registers[4..].iter().all(|value| *value == 7));
        ([registers[1], registers[2], registers[3]], back)
    }

    #[test]
    fn what_option_a_leaves_is_put_right() {
        let minus = 100_u64.wrapping_neg();
        for option_a in [OPTION_A, WRONG] {
            assert_eq!(after(option_a, NEGATIVE, [1100, 2100, minus]), ([1000, 2000, 100], 4));
            assert_eq!(after(option_a | LAST, 0, [1000, 2000, 100]), ([1000, 2000, 100], 8));
            assert_eq!(after(option_a | SET, 0, [1100, 0xaa, minus]), ([1000, 0xaa, 100], 4));
        }
    }

    #[test]
    fn what_option_b_leaves_is_put_right() {
        for option_b in [0, OPTION_A | WRONG] {
            assert_eq!(after(option_b, 0, [1000, 2000, 100]), ([1000, 2000, 100], 4));
            assert_eq!(after(option_b, NEGATIVE, [1100, 2100, 100]), ([1000, 2000, 100], 4));
            assert_eq!(after(option_b | SET | LAST, NEGATIVE, [1000, 0xaa, 100]), ([1000, 0xaa, 100], 8));
        }
    }

    #[test]
    fn register_31_is_none() {
        let mut registers = [7; 31];
        begin_anew(OPTION_A | 0x7fff, 0, &mut registers);
        assert_eq!(registers, [7; 31]);
    }
}
