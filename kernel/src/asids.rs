//! Address space identifiers (ASIDs): which of them TLB entries may belong to.
//!
//! As many as the CPU has bits for, 8 or 16: as many address spaces live at a time. One that is free has no entry in any
//! TLB, so it is used again as it is.

use alloc::vec;

use crate::bitmap::Bitmap;
use crate::frames::OutOfMemory;
use crate::lock::IrqLock;
use crate::registers::read_register;

/// Those in use; zero is that of no address space.
static ASIDS: IrqLock<Option<Bitmap<'static>>> = IrqLock::new(None);

/// One address space's. It has left every TLB before it is dropped.
#[derive(Debug)]
pub struct Asid(u16);

impl Asid {
    /// Takes one that is free.
    pub fn take() -> Result<Self, OutOfMemory> {
        let mut asids = ASIDS.lock();
        let asids = asids.get_or_insert_with(|| {
            let count = 1 << bits();
            let mut bitmap = Bitmap::new(vec![0; Bitmap::words_for(count)].leak(), count);
            bitmap.release(1, count - 1);
            bitmap
        });
        asids.take(1, 1).map(|number| Self(number as u16)).ok_or(OutOfMemory)
    }

    /// Its number.
    pub fn bits(&self) -> u64 {
        u64::from(self.0)
    }
}

impl Drop for Asid {
    fn drop(&mut self) {
        ASIDS.lock().as_mut().expect("this ASID came from it").release(usize::from(self.0), 1);
    }
}

/// How many bits this CPU compares: TCR_EL1.AS, which `boot` sets where the CPU has it.
pub fn bits() -> u32 {
    const SIXTEEN: u64 = 1 << 36;
    if read_register!("tcr_el1") & SIXTEEN != 0 { 16 } else { 8 }
}
