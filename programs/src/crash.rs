//! `crash KIND`: does what no program may do, and must not live to tell.

use core::arch::asm;
use core::hint::black_box;
use core::ptr::{null, read_volatile, without_provenance_mut, write_volatile};

use crate::runtime::clock::now;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{abi, getpid, kill, mmap};
use crate::runtime::test_calls::{KernelFault, bug, fault, overflow};
use crate::runtime::thread::spawn;

const KERNEL_ADDRESS: usize = 0xffff_ffc0_4020_0000;

const KINDS: &[(&str, fn())] = &[
    ("read-null", read_null),
    ("write-kernel", write_kernel),
    ("write-code", write_code),
    ("run-data", run_data),
    ("wild-jump", wild_jump),
    ("misaligned-jump", misaligned_jump),
    ("brk", brk),
    ("undefined", undefined),
    ("system-register", system_register),
    ("stack", stack),
    ("thread", thread),
    ("kill", kill_all),
    ("kernel-stack", kernel_stack),
    ("handler-stack", handlers_stack),
    ("entry-stack", || fault(KernelFault::EntrysStack, 0)),
    ("copy-stack", copys_stack),
    ("kernel-bug", bug),
    ("kernel-undefined", || fault(KernelFault::Undefined, 0)),
    ("kernel-jump", || fault(KernelFault::Jump, 0)),
    ("kernel-panic", || fault(KernelFault::Panic, 0)),
    ("kernel-reads-user", kernel_reads_user),
    ("kernel-entry", || fault(KernelFault::EntryCode, 0)),
];

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let Some((name, crash)) = KINDS.iter().find(|(name, _)| Some(*name) == arguments.get(1)) else {
        println!("usage: crash KIND; the kinds are");
        KINDS.iter().for_each(|(name, _)| println!("  {name}"));
        return 2;
    };
    println!("crash: {name}");
    crash();
    println!("crash: still here after {name}");
    1
}

fn read_null() {
    // SAFETY: none; the kernel must stop this. The same holds for everything below.
    unsafe { read_volatile(black_box(null::<u8>())) };
}

fn write_kernel() {
    // SAFETY: as above.
    unsafe { write_volatile(without_provenance_mut::<u64>(black_box(KERNEL_ADDRESS)), 0) };
}

fn write_code() {
    // SAFETY: as above.
    unsafe { write_volatile(black_box(write_code as *mut u32), 0) };
}

/// Jumps without leaving a valid return address behind, so that nothing comes back by accident.
fn jump(address: usize) {
    // SAFETY: as above.
    unsafe { asm!("br {}", in(reg) address, options(noreturn)) };
}

fn run_data() {
    const RETURN: u32 = 0xd65f_03c0;
    let data = [RETURN; 4];
    jump(black_box(&raw const data) as usize);
}

fn wild_jump() {
    jump(black_box(0xdead_0000));
}

fn misaligned_jump() {
    jump(black_box(misaligned_jump as *const () as usize + 2));
}

fn brk() {
    // SAFETY: as above.
    unsafe { asm!("brk 1") };
}

fn undefined() {
    // SAFETY: as above.
    unsafe { asm!("udf 0") };
}

fn system_register() {
    let _value: u64;
    // SAFETY: as above.
    unsafe { asm!("mrs {}, sctlr_el1", out(reg) _value) };
}

#[expect(unconditional_recursion, reason = "the stack ends before the recursion does")]
fn run_down(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    run_down(depth + 1) + frame[depth % 64]
}

fn stack() {
    run_down(0);
}

/// A thread's crash ends the whole process.
fn thread() {
    match spawn(read_null) {
        Ok(thread) => thread.join(),
        Err(error) => println!("crash: no thread: {error:?}"),
    }
}

/// A signal ends a process whose other thread is in user mode, perhaps on another CPU.
fn kill_all() {
    let _ = spawn(|| while black_box(now().as_nanos()) > 0 {});
    if let Err(error) = kill(getpid(), abi::SIGKILL) {
        println!("crash: kill: {error:?}");
    }
}

/// Not this program's stack but its task's in the kernel: the machine stops, and says why.
fn kernel_stack() {
    overflow();
}

fn handlers_stack() {
    fault(KernelFault::HandlersStack, 0);
    while black_box(now().as_nanos()) > 0 {}
}

/// The page is not there before somebody reads it.
fn copys_stack() {
    if let Ok(page) = mmap(4096) {
        fault(KernelFault::CopysStack, page as usize);
    }
}

/// What the program may read, the kernel may not.
fn kernel_reads_user() {
    let mine = black_box(0x5a_u8);
    fault(KernelFault::UserMemory, &raw const mine as usize);
}
