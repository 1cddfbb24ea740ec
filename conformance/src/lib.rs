//! What the harness and whoever checks its answers agree on: a program, the record of an exception, and the memory that
//! programs see.
//!
//! The harness (`main.rs`) boots bare-metal, runs each [`Program`] that was loaded with it, and writes a [`Record`] for
//! each exception that the program takes. It judges nothing. `vestibule-model/src/bin/qemu-conformance` makes the programs,
//! runs them on the model's CPU too, and compares. `cargo xtask conformance` does all of it.
//!
//! A program begins with an ERET of the harness and goes on until it has taken [`EXCEPTIONS`]. What it runs there is
//! part of it: after each exception the harness writes the record and jumps to where the program says, in the state in
//! which the exception left the CPU.
//!
//! No program runs for ever, on whatever CPU: an exception return is the fourth instruction of an aligned four, of which
//! the second and third count it; and whoever goes back never goes to the third or the fourth. Therefore no constant for
//! ELR_EL1 is such an address, and once an ELR_EL1 is recorded [`resumable`] replaces it.
//!
//! | register | use |
//! |---|---|
//! | X0 to X15 | constants of the program |
//! | X16 to X23 | what it read |
//! | X24 | what it loaded from memory, which nobody looks at |
//! | X28 | how many exception returns it has left; negative: none, and it has tried |
//! | X25 to X27, X29, X30 | the harness's |
//!
//! The CPU has PAN and tagged memory, takes exceptions to EL1, has no AArch32 in EL1 and no EL2. Single-stepping is off,
//! tag checks too; SCTLR_EL1.SPAN and UMA are clear.
#![no_std]

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// How many exceptions each program takes.
pub const EXCEPTIONS: usize = 12;
/// How many instructions a program has.
pub const WORDS: usize = 48;
/// How many exception returns each program may make.
pub const RETURNS: u64 = 24;

/// The address itself if an exception return may go there, else the one that the four instructions around it begin with.
pub const fn resumable(elr: u64) -> u64 {
    if elr & 8 == 0 { elr } else { elr & !15 }
}

/// Where the program lies: one block that both exception levels may execute and read. What follows the program there is
/// zero, which is an undefined instruction.
pub const CODE: u64 = 0x8000_0000;
/// The block after it, which user mode may read and write: the kernel may while PSTATE.PAN is clear. Nobody executes it.
pub const USER_DATA: u64 = CODE + BLOCK;
/// Size of either block.
pub const BLOCK: u64 = 0x20_0000;
/// Where the second-level table of these two has nothing.
pub const UNMAPPED_BLOCK: u64 = USER_DATA + BLOCK;
/// Where the first-level table has nothing.
pub const UNMAPPED: u64 = 0xc000_0000;
/// Memory that only EL1 may use. All zero.
pub const KERNEL_DATA: u64 = 0x4440_0000;
/// SP_EL1 while a program runs.
pub const SP_EL1: u64 = 0x4450_0000;

/// Where the harness finds its programs: their number, then a [`Program`] for each.
pub const PROGRAMS: u64 = 0x4800_0000;
/// The file, in QEMU's folder, to which it writes [`EXCEPTIONS`] records for each program.
pub const RECORDS_FILE: &core::ffi::CStr = c"records";

/// A program as the harness gets it.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Program {
    /// A64 instructions, at [`CODE`].
    pub words: [u32; WORDS],
    /// X0 to X15.
    pub registers: [u64; 16],
    /// ELR_EL1 of the ERET with which it begins.
    pub elr: u64,
    /// SPSR_EL1 of that ERET.
    pub spsr: u64,
    /// At which instruction it goes on after each exception.
    pub continuations: [u32; EXCEPTIONS],
}

/// What the harness saw at an exception, before anything else happened.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Record {
    /// Which of the 16 vectors.
    pub vector: u64,
    /// ELR_EL1.
    pub elr: u64,
    /// SPSR_EL1.
    pub spsr: u64,
    /// ESR_EL1.
    pub esr: u64,
    /// FAR_EL1.
    pub far: u64,
    /// What can be read of PSTATE, where SPSR_EL1 would have it: NZCV, DAIF, CurrentEL, SPSel, PAN, TCO.
    pub pstate: u64,
    /// SP_EL0.
    pub sp_el0: u64,
    /// X16 to X23.
    pub reads: [u64; 8],
    /// X28.
    pub returns: u64,
}
