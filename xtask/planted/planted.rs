//! Entry code with one mistake, chosen by `--cfg planted="…"`; without it, the good twin. `cargo xtask binary` compiles each
//! and must find it. Nothing here ever runs.
#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

#[repr(C)]
pub struct Frame {
    pc: u64,
    pstate: u64,
    syndrome: u64,
    regs: [u64; 61],
}

/// Exported, so that the compiler must take it to be read and written elsewhere too.
#[unsafe(no_mangle)]
pub static CELLS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

#[unsafe(naked)]
#[unsafe(link_section = ".entry.vectors")]
#[unsafe(no_mangle)]
unsafe extern "C" fn table() {
    naked_asm!(".rept 16", "b {vector}", ".balign 128", ".endr", vector = sym vector)
}

#[unsafe(naked)]
#[unsafe(link_section = ".entry.text")]
unsafe extern "C" fn vector() {
    naked_asm!("mov x0, sp", "bl {handler}", "eret", handler = sym handler)
}

#[unsafe(link_section = ".noinstr.text")]
unsafe extern "C" fn handler(frame: &mut Frame) {
    unsafe {
        asm!("mrs {}, elr_el1", out(reg) frame.pc);
        asm!("mrs {}, spsr_el1", out(reg) frame.pstate);
        if !cfg!(planted = "late syndrome") {
            asm!("mrs {}, esr_el1", out(reg) frame.syndrome);
        }
        enter(frame);
        asm!("msr daifclr, #15");
        if cfg!(planted = "late syndrome") {
            asm!("mrs {}, esr_el1", out(reg) frame.syndrome);
        }
        body(frame);
        if !cfg!(planted = "forgotten mask") {
            asm!("msr daifset, #15");
        }
        while CELLS[1].load(Ordering::Relaxed) != 0 {
            asm!("msr daifclr, #12");
            body(frame);
            asm!("msr daifset, #15");
        }
        exit(frame);
        asm!("msr elr_el1, {}", in(reg) frame.pc);
        if cfg!(planted = "opens before the return") {
            asm!("msr daifclr, #8");
        }
        if !cfg!(planted = "another mask") {
            asm!("msr spsr_el1, {}", in(reg) frame.pstate);
        } else {
            asm!("msr S3_0_C4_C6_0, {}", in(reg) frame.pstate);
        }
        if cfg!(planted = "tail call") {
            body(frame);
        }
    }
}

#[cfg(not(any(
    planted = "closure",
    planted = "bound",
    planted = "function pointer",
    planted = "trait object",
    planted = "jump table",
    planted = "copy",
    planted = "brk"
)))]
#[inline(always)]
fn enter(frame: &mut Frame) {
    CELLS[0].store(frame.syndrome, Ordering::Relaxed);
}

/// Inlining stops at a closure that is called twice.
#[cfg(planted = "closure")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    let mut count = |cell: &AtomicU64| {
        for value in &mut frame.regs {
            match cell.fetch_add(*value, Ordering::Relaxed) % 7 {
                0 => *value = value.rotate_left(3),
                1 => *value = value.reverse_bits(),
                2 => *value = cell.fetch_xor(*value, Ordering::SeqCst),
                3 => *value = cell.fetch_max(*value, Ordering::SeqCst) / 10,
                4 => *value = cell.fetch_min(*value, Ordering::SeqCst) % 1000,
                5 => *value = cell.fetch_and(*value, Ordering::SeqCst).isqrt(),
                _ => *value = cell.fetch_or(*value, Ordering::SeqCst).isqrt(),
            }
        }
    };
    count(&CELLS[3]);
    count(&CELLS[4]);
}

#[cfg(planted = "bound")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    CELLS[(frame.syndrome >> 26) as usize].store(1, Ordering::Relaxed);
}

#[cfg(planted = "function pointer")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    let hook: extern "C" fn() = unsafe { core::mem::transmute(frame.regs[0]) };
    hook();
}

#[cfg(planted = "trait object")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    let out: &mut dyn core::fmt::Write = unsafe { core::ptr::read_volatile((&raw const frame.regs).cast()) };
    let _ = out.write_char('x');
}

#[cfg(planted = "jump table")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    match frame.syndrome >> 26 & 0x3f {
        0 => unsafe { asm!("dmb ish") },
        1 => unsafe { asm!("dmb ishld") },
        2 => unsafe { asm!("dmb ishst") },
        3 => unsafe { asm!("dmb nsh") },
        4 => unsafe { asm!("dmb nshld") },
        5 => unsafe { asm!("dmb nshst") },
        6 => unsafe { asm!("dmb osh") },
        7 => unsafe { asm!("dmb oshld") },
        8 => unsafe { asm!("dmb oshst") },
        9 => unsafe { asm!("dmb sy") },
        10 => unsafe { asm!("dmb ld") },
        11 => unsafe { asm!("dmb st") },
        12 => unsafe { asm!("dsb ish") },
        13 => unsafe { asm!("dsb ishld") },
        14 => unsafe { asm!("dsb ishst") },
        15 => unsafe { asm!("dsb nsh") },
        16 => unsafe { asm!("dsb nshld") },
        _ => {}
    }
}

/// Large enough to be a call of `memcpy`.
#[cfg(planted = "copy")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    let copy = frame.regs;
    unsafe { asm!("/* {} */", in(reg) &raw const copy) };
}

#[cfg(planted = "brk")]
#[inline(always)]
fn enter(frame: &mut Frame) {
    if frame.syndrome == 0 {
        unsafe { asm!("brk #0x800") };
    }
}

#[cfg(not(any(planted = "helper", planted = "switch")))]
#[inline(always)]
fn exit(_: &mut Frame) {
    CELLS[0].store(0, Ordering::Relaxed);
}

/// A function that the compiler would have inlined, had it not been too large.
#[cfg(planted = "helper")]
#[inline(always)]
fn exit(frame: &mut Frame) {
    #[inline(never)]
    fn sum(values: &[u64]) -> u64 {
        values.iter().fold(0, |sum, value| sum ^ value)
    }
    CELLS[0].store(sum(&frame.regs), Ordering::Relaxed);
}

/// Another entry text function that opens: what its callers go on in is what it comes back in.
#[cfg(planted = "switch")]
#[inline(always)]
fn exit(_: &mut Frame) {
    #[inline(never)]
    #[unsafe(link_section = ".noinstr.text")]
    fn opens() {
        unsafe { asm!("msr daifclr, #4") };
    }
    opens();
}

#[inline(never)]
fn body(frame: &mut Frame) {
    frame.regs[0] = frame.regs[1].wrapping_add(CELLS[1].load(Ordering::Relaxed));
    if frame.regs[2] > 60 {
        panic!("bodies may");
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
