//! Memory tagging (MTE): what the CPU has of it, how memory with tags is told from other memory, and what a program asks for by
//! `prctl`. Checks and whom they blame are the port's (`vestibule_arm64::tags`).
//!
//! A frame's tags are zeros wherever a program first sees it with tags: [`zero_tags`] is called once for each frame in use, and
//! `frames` remembers of which it was.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use linux_raw_sys::{general as linux, prctl};
use vestibule::Process as ProcessContext;
use vestibule_arm64::tags::{self, KernelFault, Mode};
use vestibule_arm64::{Frame, Hardware as _};

use crate::errno::{Errno, Result};
use crate::frames::Frame as OwnedFrame;
use crate::layout::{self, PAGE_SIZE, PhysicalAddress};
use crate::options::Tags;
use crate::paging::attribute_index;
use crate::planted::Bug;
use crate::reference::{self, Cpu, Machine};
use crate::registers::{read_register, write_register};
use crate::signals::{Info, Origin, Signal, raise};
use crate::symbols::Place;
use crate::task::Task;
use crate::{println, sleep, timer};

/// `mte=off`: programs find none.
static HIDDEN: AtomicBool = AtomicBool::new(false);
/// `mte=kernel`: the kernel's own accesses are checked, too.
static OWN: AtomicBool = AtomicBool::new(false);

/// Bytes that have one tag.
const GRANULE: usize = 16;

/// What programs may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Support {
    /// No tags in memory.
    None,
    /// Tags, and checks that are synchronous or asynchronous.
    Tags,
    /// Asymmetric ones, too.
    Asymmetric,
}

/// Where ID_AA64PFR1_EL1 says what the CPU has.
const FIELD: u32 = 8;

/// What this kernel and this CPU have.
pub fn support() -> Support {
    if !cfg!(feature = "mte") || HIDDEN.load(Ordering::Relaxed) {
        return Support::None;
    }
    // 1 is instructions without memory.
    match read_register!("id_aa64pfr1_el1") >> FIELD & 0xf {
        0 | 1 => Support::None,
        2 => Support::Tags,
        _ => Support::Asymmetric,
    }
}

/// ID_AA64PFR1_EL1 as programs may see it.
pub fn without_what_is_not_used(features: u64) -> u64 {
    if is_present() { features } else { features & !(0xf << FIELD) }
}

/// There are tags.
pub fn is_present() -> bool {
    support() != Support::None
}

/// Before the first program.
pub fn use_for(whom: Tags) {
    OWN.store(whom == Tags::Kernel && is_present(), Ordering::Relaxed);
    HIDDEN.store(whom == Tags::Off, Ordering::Relaxed);
}

/// The kernel's own accesses are checked.
#[inline(always)]
pub fn checks_own() -> bool {
    OWN.load(Ordering::Relaxed)
}

/// Memory that is mapped as [`attribute_index::NORMAL_TAGGED`] has tags from here on, on this CPU. Before any is.
pub fn init_memory() {
    if is_present() {
        const TAGGED: u64 = 0xf0 << (8 * attribute_index::NORMAL_TAGGED);
        const MASK: u64 = 0xff << (8 * attribute_index::NORMAL_TAGGED);
        let attributes = read_register!("mair_el1") & !MASK | TAGGED;
        // SAFETY: nothing is mapped so yet, or as on the CPUs that run already.
        unsafe { write_register!("mair_el1", attributes) };
    }
}

/// What every CPU does for itself: tags may be written and read, exceptions wait for faults, and there are none. User mode is not
/// checked before it asks for that. Of the kernel's pointers those whose tag is not 0b1111 are, if TCO is clear.
pub fn init_cpu() {
    if !is_present() {
        return;
    }
    init_memory();
    const ATA: u64 = 0b11 << 42;
    const ITFSB: u64 = 1 << 37;
    const TCF_ASYNC: u64 = 0b10 << 40;
    const TBI1: u64 = 1 << 38;
    const TCMA1: u64 = 1 << 58;
    let translation = read_register!("tcr_el1") | TBI1 | TCMA1;
    let system = read_register!("sctlr_el1") | ATA | ITFSB | TCF_ASYNC;
    let seed = read_register!("cntvct_el0") << 8 | 1 << 8;
    choose_no_tags();
    // SAFETY: no pointer of the kernel's has a tag yet, and no access that it makes is another for this.
    unsafe {
        write_register!("tcr_el1", translation);
        write_register!("sctlr_el1", system);
        // RGSR_EL1, TFSR_EL1, TFSRE0_EL1.
        write_register!("s3_0_c1_c0_5", seed);
        write_register!("s3_0_c5_c6_0", 0_u64);
        write_register!("s3_0_c5_c6_1", 0_u64);
    }
}

/// IRG gives user mode no tag but zero on this CPU, until a task that may have others is switched to.
pub fn choose_no_tags() {
    const EXCLUDE_ALL: u64 = 0xffff;
    const RANDOM: u64 = 1 << 16;
    if is_present() {
        // SAFETY: GCR_EL1 is about no access.
        unsafe { write_register!("s3_0_c1_c0_6", EXCLUDE_ALL | RANDOM) };
    }
}

/// # Safety
/// The frame is memory with tags, and nobody relies on those that it has.
pub unsafe fn zero_tags(frame: PhysicalAddress) {
    let start = layout::linear(frame);
    // SAFETY: the caller's; the linear map shows it with its tags.
    (0..PAGE_SIZE).step_by(GRANULE).for_each(|at| unsafe { set_tag(start.wrapping_add(at), 0) });
}

/// # Safety
/// As [`zero_tags`], of `to`.
pub unsafe fn copy_tags(to: PhysicalAddress, from: PhysicalAddress) {
    let (to, from) = (layout::linear(to), layout::linear(from));
    for at in (0..PAGE_SIZE).step_by(GRANULE) {
        // SAFETY: the caller's.
        unsafe { set_tag(to.wrapping_add(at), tag(from.wrapping_add(at))) };
    }
}

/// Gives the granule at `address` a tag.
///
/// # Safety
/// Nobody relies on the one that it has.
pub unsafe fn set_tag(address: *mut u8, tag: u64) {
    // SAFETY: the caller's. STG takes the tag from the first pointer's bits 59:56.
    unsafe {
        asm!(".arch_extension memtag", "stg {}, [{}]", in(reg) tag << 56, in(reg) address, options(nostack, preserves_flags))
    };
}

fn tag(address: *const u8) -> u64 {
    let mut found = 0_u64;
    // SAFETY: only reads.
    unsafe {
        asm!(".arch_extension memtag", "ldg {}, [{}]", inout(reg) found, in(reg) address, options(nostack, preserves_flags));
    }
    found >> 56 & 0xf
}

/// How many accesses of the kernel's have failed a check, by who noticed: the exit, a task switch, an exception that interrupted.
static FAULTS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// How many of them `noticed_by` has noticed.
pub fn faults(noticed_by: usize) -> usize {
    FAULTS.get(noticed_by).map_or(0, |count| count.load(Ordering::Relaxed))
}

/// For a test: a store of the kernel's that fails a check, and who is to notice. A tick may come first.
pub fn store_mistagged(cpu: &mut Cpu<ProcessContext>, noticed_by: usize) -> Result<usize> {
    if !checks_own() {
        return Err(Errno::ENOSYS);
    }
    let frame = OwnedFrame::zeroed()?;
    let sum = || FAULTS.iter().map(|count| count.load(Ordering::Relaxed)).sum::<usize>();
    let before = sum();
    let memory = layout::linear(frame.address());
    let with_tag = |tag: usize| memory.map_addr(|address| address & !(0xf << 56) | tag << 56);
    // SAFETY: the frame is ours.
    unsafe {
        set_tag(memory, 5);
        with_tag(6).write_volatile(1);
        if Bug::LostTfsr.is_planted() {
            write_register!("s3_0_c5_c6_0", 0_u64);
        }
    }
    match noticed_by {
        0 => {}
        1 => _ = sleep::until(cpu, timer::nanoseconds() + 1_000_000, || false),
        _ => {
            // Somebody asks again if the host has no time for a tick.
            let end = timer::nanoseconds() + 20_000_000;
            while sum() == before && timer::nanoseconds() < end {
                core::hint::spin_loop();
            }
        }
    }
    Ok(0)
}

/// The CPU says that something of the kernel's has gone where it should not.
pub fn report(cpu: usize, fault: KernelFault<'_>) {
    let (noticed_by, when, frame) = match fault {
        KernelFault::Exit(frame) => (0, "since the exception that returns", Some(frame)),
        KernelFault::Switch => (1, "before a task switch", None),
        KernelFault::Interrupted(frame) => (2, "in what was interrupted", Some(frame)),
    };
    FAULTS[noticed_by].fetch_add(1, Ordering::Relaxed);
    let what = "an access of the kernel failed a tag check";
    match frame {
        Some(frame) => println!("CPU {cpu}: {what}, {when} at {}", Place(frame.pc)),
        None => println!("CPU {cpu}: {what}, {when}"),
    }
}

const ENABLE: usize = prctl::PR_TAGGED_ADDR_ENABLE as usize;
const SYNC: usize = prctl::PR_MTE_TCF_SYNC as usize;
const ASYNC: usize = prctl::PR_MTE_TCF_ASYNC as usize;
const INCLUDED_SHIFT: u32 = prctl::PR_MTE_TAG_SHIFT;
const INCLUDED: usize = 0xffff << INCLUDED_SHIFT;

/// `prctl(PR_SET_TAGGED_ADDR_CTRL)`. Who asks for both modes leaves the choice to the kernel, which takes the asymmetric one where
/// the CPU has it.
pub fn control(cpu: &mut Cpu<ProcessContext>, wanted: usize) -> Result<()> {
    let known = if is_present() { ENABLE | SYNC | ASYNC | INCLUDED } else { ENABLE };
    if wanted & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let mode = match wanted & (SYNC | ASYNC) {
        0 => Mode::Ignore,
        SYNC => Mode::Sync,
        ASYNC => Mode::Async,
        _ if support() == Support::Asymmetric => Mode::Asymm,
        _ => Mode::Async,
    };
    Task::current(cpu).tag_control.store(wanted, Ordering::Relaxed);
    if is_present() {
        tags::set(cpu, mode, (wanted >> INCLUDED_SHIFT) as u16);
    }
    Ok(())
}

/// Whether system calls of the current task take a pointer's top byte for a tag. What is no program's always does.
pub fn takes_tagged_addresses() -> bool {
    // SAFETY: every thread of this kernel is the first field of a task, and the current one lives as long as it runs.
    let task = unsafe { reference::Hardware::current().cast::<Task>().as_ref() };
    task.is_none_or(|task| task.process().is_none() || task.tag_control.load(Ordering::Relaxed) & ENABLE != 0)
}

/// A new program has asked for nothing, and no check of its has failed.
pub fn begin_program(cpu: &mut Cpu<ProcessContext>) {
    Task::current(cpu).tag_control.store(0, Ordering::Relaxed);
    if is_present() {
        tags::set(cpu, Mode::Ignore, 0);
    }
}

/// An access of the current task failed an asynchronous check, if its word says so.
pub fn tell_fault(cpu: &mut Cpu<ProcessContext>, frame: &Frame) {
    if !cfg!(feature = "mte") || !cpu.task_word().read::<Machine>().work().any_of(tags::FAULT) {
        return;
    }
    cpu.task_word().clear::<Machine>(tags::FAULT);
    if Bug::LostTagFault.is_planted() {
        return;
    }
    // Nobody knows which access it was.
    let origin = Origin::Fault { address: 0, syndrome: 0 };
    let info = Info { signal: Signal::SIGSEGV, code: linux::SEGV_MTEAERR as i32, origin };
    raise(cpu, info, "an asynchronous tag check failed", frame);
}
