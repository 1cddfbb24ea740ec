//! Returns from signals that never came, with frames that say what no kernel may believe.

use core::arch::naked_asm;
use core::sync::atomic::AtomicUsize;

use super::arguments::Places;
use super::random::Random;
use crate::runtime::syscall::{abi, exit_group, mmap};

/// How many frames a child tries, unless one of them ends it.
const FRAMES: usize = 40;
const PAGE: usize = 4096;

/// `struct rt_sigframe`: information, then a context with the machine's state, then records.
const SIZE: usize = 4688;
const MASK: usize = 168;
const REGISTERS: usize = 312;
const STACK_POINTER: usize = 560;
const PC: usize = 568;
const PSTATE: usize = 576;
const RECORDS: usize = 592;

const FPSIMD: (u32, u32) = (0x4650_8001, 528);
/// Other records that Linux knows, and none.
const MAGICS: [u32; 7] = [0, FPSIMD.0, 0x4553_5201, 0x4558_5401, 0x5356_4501, 0x5a41_0001, 0x5045_0001];
const SIZES: [u32; 9] = [0, 1, 8, 15, 16, 528, 4096, 1 << 20, u32::MAX];

/// States that are the kernel's, or that no interrupt comes in, or that do not exist; and two that are fine.
const STATES: [u64; 14] = [
    0x3c5,
    0x3c4,
    0x5,
    0x9,
    0x3c0,
    0x80,
    0x200,
    0x10,
    0x13,
    1 << 20,
    1 << 21,
    1 << 22,
    0xf000_0000,
    0,
];

/// Returns by frames that are wrong here and there.
pub fn tell_lies(random: &mut Random) {
    let (Some(places), Ok(pages)) = (Places::new(), mmap(8 * PAGE)) else { exit_group(0) };
    for _ in 0..FRAMES {
        places.fill(random);
        let at = pages as usize + PAGE + random.below(128) * 16;
        // SAFETY: eight pages are room enough, and they are used through this alone.
        let frame = unsafe { &mut *(at as *mut [u8; SIZE]) };
        make_true(frame);
        for _ in 0..random.below(4) {
            make_wrong(frame, &places, random);
        }
        let from = match random.below(12) {
            0 => places.argument(random),
            1 => at + 1 + random.below(15),
            _ => at,
        };
        // SAFETY: none; whatever becomes of this process becomes of it alone.
        unsafe { return_by(from) };
    }
}

/// A frame that leads back here.
fn make_true(frame: &mut [u8; SIZE]) {
    frame.fill(0);
    put(frame, PC, land as *const () as u64);
    put(frame, STACK_POINTER, frame.as_ptr() as u64);
    put_record(frame, RECORDS, FPSIMD);
}

fn make_wrong(frame: &mut [u8; SIZE], places: &Places, random: &mut Random) {
    match random.below(9) {
        0..3 => put(frame, PSTATE, if random.one_in(4) { random.next() } else { random.of(&STATES) }),
        3 => put(frame, PC, places.argument(random) as u64),
        4 => put(frame, STACK_POINTER, places.argument(random) as u64),
        5 => put(frame, MASK, random.next()),
        6 => put(frame, REGISTERS + 8 * random.below(31), random.next()),
        7 => {
            let size = random.of(&SIZES).wrapping_add(random.below(3) as u32 * 16);
            put_record(frame, RECORDS + 16 * random.below(40), (random.of(&MAGICS), size));
        }
        _ => frame[random.below(SIZE)] = random.next() as u8,
    }
}

fn put(frame: &mut [u8; SIZE], at: usize, value: u64) {
    frame[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn put_record(frame: &mut [u8; SIZE], at: usize, (magic, size): (u32, u32)) {
    put(frame, at, u64::from(magic) | u64::from(size) << 32);
}

/// Where the stack is that [`land`] goes on with.
static STACK: AtomicUsize = AtomicUsize::new(0);

/// Returns by the frame at `frame`; comes back if that leads to [`land`].
///
/// # Safety
/// The process is ready to lose everything.
#[unsafe(naked)]
unsafe extern "C" fn return_by(frame: usize) {
    naked_asm!(
        "stp x29, x30, [sp, #-96]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "adrp x1, {stack}",
        "add x1, x1, :lo12:{stack}",
        "mov x2, sp",
        "str x2, [x1]",
        "mov sp, x0",
        "mov x8, {rt_sigreturn}",
        "svc 0",
        // A kernel that comes back here has no such call.
        "b {land}",
        stack = sym STACK,
        land = sym land,
        rt_sigreturn = const abi::__NR_rt_sigreturn,
    )
}

/// Stays in user mode for so long that a tick comes, if any still does, and goes on after [`return_by`]. In: nothing.
#[unsafe(naked)]
unsafe extern "C" fn land() {
    naked_asm!(
        "mrs x0, cntfrq_el0",
        "mrs x1, cntvct_el0",
        "add x1, x1, x0, lsr #7",
        "1:",
        "mrs x0, cntvct_el0",
        "cmp x0, x1",
        "b.lo 1b",
        "adrp x1, {stack}",
        "add x1, x1, :lo12:{stack}",
        "ldr x1, [x1]",
        "mov sp, x1",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp x29, x30, [sp], #96",
        "ret",
        stack = sym STACK,
    )
}
