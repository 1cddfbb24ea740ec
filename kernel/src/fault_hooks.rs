//! System calls for tests alone, as `test_hooks` has them: faults that no program can bring about by itself.

use vestibule::Process;
use vestibule_arm64::Frame;

use crate::errno::Errno;
use crate::reference::Cpu;
use crate::registers::{read_register, write_register};

/// The number of the first; the others follow.
pub const FIRST: u32 = 0x1020;
/// That of the last.
pub const LAST: u32 = FIRST + 0xf;

/// Makes the call that has `number`, of which [`FIRST`] is 0.
pub fn run(_: &mut Cpu<Process>, frame: &mut Frame, number: u32) -> Result<usize, Errno> {
    let argument = frame.regs[0] as usize;
    match number {
        // User mode goes on in an illegal execution state: PSTATE.IL, which no path but this one lets through.
        0 => frame.pstate |= 1 << 20,
        // On this CPU, user mode's FP and SIMD trap if X0 is not zero.
        1 => trap_fpsimd(argument != 0),
        _ => return Err(Errno::ENOSYS),
    }
    Ok(0)
}

fn trap_fpsimd(trap: bool) {
    const FPEN: u64 = 0b11 << 20;
    const OF_USER_MODE: u64 = 0b01 << 20;
    let cpacr = read_register!("cpacr_el1") & !FPEN | if trap { OF_USER_MODE } else { FPEN };
    // SAFETY: the kernel itself may use them in either case, and does so to save and load a task's.
    unsafe { write_register!("cpacr_el1", cpacr) };
}
