//! Branch targets: in guarded memory (PROT_BTI) an indirect branch comes to an instruction that lets such branches in, or to a
//! signal. PSTATE.BTYPE says how it came, until one instruction is executed: through a signal's handler and back, too.

use core::ffi::c_int;
use core::mem::transmute;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::taken::{BTYPE, Function, Taken, branch, context, land};
use super::{Capabilities, Checks, does, in_child};
use crate::runtime::process::set_action;
use crate::runtime::syscall::{Errno, Result, abi, call, check as succeeds, errno, mmap};

/// BTI, a bit of AT_HWCAP2.
const BTI: u32 = 17;

const PAGE: usize = 4096;
const NOP: u32 = 0xd503_201f;
const RETURN: u32 = 0xd65f_03c0;
const BTI_C: u32 = 0xd503_245f;
const KEEP_STACK: u32 = 0x9100_03e9;
/// MRS X0, MIDR_EL1: the kernel executes it for the program.
const EMULATED: u32 = 0xd538_0000;

/// The guarded page.
const CODE: [u32; 18] = [
    NOP, RETURN,
    BTI_C, RETURN,
    // BTI J; BTI JC; PACIASP and AUTIASP.
    0xd503_249f, RETURN,
    0xd503_24df, RETURN,
    0xd503_233f, 0xd503_23bf, RETURN,
    // BR X0; MOV X16, X0 and BR X16.
    BTI_C, KEEP_STACK, 0xd61f_0000,
    BTI_C, KEEP_STACK, 0xaa00_03f0, 0xd61f_0200,
];

/// What a branch may come to, as an index in the page, and which values of BTYPE it lets in.
const TARGETS: &[(&str, usize, &[u64])] = &[
    ("no target", NO_TARGET, &[]),
    ("BTI C", OF_CALLS, &[1, 2]),
    ("BTI J", OF_JUMPS, &[1, 3]),
    ("BTI JC", 6, &[1, 2, 3]),
    // Not 3: as Linux sets SCTLR_EL1.BT0.
    ("PACIASP", 8, &[1, 2]),
];
const NO_TARGET: usize = 0;
const OF_CALLS: usize = 2;
const OF_JUMPS: usize = 4;
const JUMP: usize = 11;
const JUMP_BY_X16: usize = 14;

/// Two pages; the second is guarded.
static MEMORY: AtomicUsize = AtomicUsize::new(0);

fn guarded(index: usize) -> usize {
    MEMORY.load(Ordering::Relaxed) + PAGE + index * size_of::<u32>()
}

/// The function at that index.
fn function(index: usize) -> Function {
    // SAFETY: there is one, of that kind.
    unsafe { transmute::<usize, Function>(guarded(index)) }
}

pub fn check(checks: &mut Checks, capabilities: &Capabilities) -> Result<()> {
    const GUARDED: u32 = abi::PROT_READ | abi::PROT_EXEC | abi::PROT_BTI;
    let pages = mmap(2 * PAGE)?;
    MEMORY.store(pages as usize, Ordering::Relaxed);
    // SAFETY: fresh memory.
    unsafe {
        pages.cast::<u32>().add(PAGE / size_of::<u32>() - 1).write(EMULATED);
        pages.add(PAGE).cast::<[u32; CODE.len()]>().write(CODE);
    }
    if !capabilities.has(1, BTI) {
        checks.equal("branch targets that are not there", protect(1, GUARDED), Err(Errno(errno::EINVAL)));
        return Ok(());
    }
    protect(0, abi::PROT_READ | abi::PROT_EXEC)?;
    protect(1, GUARDED)?;
    every_way(checks);
    let emulated = Taken::call(does::jump, guarded(0) - size_of::<u32>());
    checks.equal("an emulated instruction that was branched to", emulated, Taken::default());
    let refused = refused(NO_TARGET);
    checks.equal("a call in a child's copy", in_child(|| Taken::call(does::call, guarded(NO_TARGET)) == refused)?, true);
    signals(checks)?;
    protect(1, abi::PROT_READ | abi::PROT_EXEC)?;
    checks.equal("a call in memory no longer guarded", Taken::call(does::call, guarded(NO_TARGET)), Taken::default());
    Ok(())
}

/// What a branch comes to that is not let in.
fn refused(target: usize) -> Taken {
    Taken { signal: abi::SIGILL, code: abi::ILL_ILLOPC, address: guarded(target) as u64, fault_address: 0 }
}

fn every_way(checks: &mut Checks) {
    let ways: [(&str, Function, u64); 4] = [
        ("a jump from other memory", does::jump, 1),
        ("a call", does::call, 2),
        ("a jump", function(JUMP), 3),
        ("a jump by X16", function(JUMP_BY_X16), 1),
    ];
    for (way, how, kind) in ways {
        for &(target, index, lets_in) in TARGETS {
            let seen = Taken::call(how, guarded(index));
            let wanted = if lets_in.contains(&kind) { Taken::default() } else { refused(index) };
            let seen_kind = if seen.signal == 0 { kind } else { branch() };
            checks.equal(target, (way, seen, seen_kind), (way, wanted, kind));
        }
    }
}

/// How many branches were not let in, and how many of them the handler leaves as they are.
static REFUSED: AtomicU32 = AtomicU32::new(0);
static STUBBORN: AtomicU32 = AtomicU32::new(0);

/// Lets a branch go on that was not let in, after as many times as [`STUBBORN`] says.
///
/// # Safety
/// The kernel calls it, as the handler of SIGILL.
unsafe extern "C" fn forgive(_: c_int, _: *const u64, words: *mut u64) {
    if REFUSED.fetch_add(1, Ordering::Relaxed) >= STUBBORN.load(Ordering::Relaxed) {
        // SAFETY: the kernel passes a ucontext_t, which is this handler's.
        unsafe {
            let pstate = words.add(context::PSTATE);
            pstate.write(pstate.read() & !BTYPE);
        }
    }
}

/// How often a branch was not let in while `body` ran.
fn refusals(stubborn: u32, body: impl FnOnce() -> Result<()>) -> Result<u32> {
    REFUSED.store(0, Ordering::Relaxed);
    STUBBORN.store(stubborn, Ordering::Relaxed);
    body().map(|()| REFUSED.load(Ordering::Relaxed))
}

fn signals(checks: &mut Checks) -> Result<()> {
    set_action(abi::SIGILL, forgive as *const () as usize, abi::SA_SIGINFO, 0)?;
    let branches = || {
        Taken::call(does::call, guarded(NO_TARGET));
        Ok(())
    };
    checks.equal("a branch that is let go on", refusals(0, branches)?, 1);
    checks.equal("a branch that comes back as it was", refusals(2, branches)?, 3);
    for (what, index, wanted) in [
        ("a handler that is no target", NO_TARGET, 1),
        ("a handler that is a target of calls", OF_CALLS, 0),
        ("a handler that is a target of jumps", OF_JUMPS, 1),
    ] {
        set_action(abi::SIGUSR1, guarded(index), 0, 0)?;
        checks.equal(what, refusals(0, raise)?, wanted);
    }
    set_action(abi::SIGILL, land as *const () as usize, abi::SA_SIGINFO, 0)
}

/// SIGUSR1, for this program.
fn raise() -> Result<()> {
    // SAFETY: the handler does nothing.
    unsafe {
        let own = succeeds(call(abi::__NR_getpid, [0; 6]))?;
        succeeds(call(abi::__NR_kill, [own, abi::SIGUSR1 as usize, 0, 0, 0, 0])).map(|_| ())
    }
}

/// Says what may be done with one of the two pages.
fn protect(number: usize, protection: u32) -> Result<()> {
    let start = MEMORY.load(Ordering::Relaxed) + number * PAGE;
    // SAFETY: the page is used through raw pointers only.
    succeeds(unsafe { call(abi::__NR_mprotect, [start, PAGE, protection as usize, 0, 0, 0]) }).map(|_| ())
}
