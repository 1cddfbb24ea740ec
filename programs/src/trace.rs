//! `trace`: sees every system call of a child, as `strace` does; keeps one from being made and makes another of a second.

use core::ptr::from_mut;
use core::time::Duration;

use crate::runtime::file::open;
use crate::runtime::print::println;
use crate::runtime::process::{fork, wait};
use crate::runtime::ptrace::{AT_SYSTEM_CALL, General, Number, TRACESYSGOOD, Traced, stopped, trace_me};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Errno, Result, abi, call, check, errno, exit_group, getpid, getppid, gettid, kill, nanosleep, pipe, read, sched_yield,
};

/// What the child is told that its number is.
const TOLD: usize = 4321;
/// How it ends if everything was as it should be.
const SOUND: i32 = 7;

/// The program.
pub fn main(_: Arguments) -> u8 {
    match run() {
        Ok(Seen { calls, wrong: 0 }) => {
            println!("trace: {calls} system calls seen coming and ending, as they should be");
            0
        }
        Ok(Seen { wrong, .. }) => {
            println!("trace: {wrong} wrong");
            1
        }
        Err(error) => {
            println!("trace: system call failed: {error:?}");
            1
        }
    }
}

struct Seen {
    calls: usize,
    wrong: u32,
}

/// The child: is traced from its stop on.
fn child() -> u8 {
    let parent = getppid();
    let own = getpid();
    if trace_me().is_err() || kill(own, abi::SIGSTOP).is_err() {
        return 1;
    }
    // This one is not made.
    let told = getpid();
    // This one becomes `getppid`.
    let other = gettid();
    sched_yield();
    // There is none of this number.
    // SAFETY: a call that there is not does nothing.
    let none = unsafe { call(u32::MAX, [0; 6]) };
    if told == TOLD && other == parent && none == -38 && getpid() == own { SOUND as u8 } else { 2 }
}

fn run() -> Result<Seen> {
    let constant = constant()?;
    let traced = Traced(fork(child)?);
    let mut seen = Seen { calls: 0, wrong: 0 };
    let mut check = |what: &str, holds: bool| {
        if !holds {
            println!("trace: {what} is wrong");
            seen.wrong += 1;
        }
    };
    check("what waitid says of a stop", why(traced)? == abi::CLD_TRAPPED);
    check("the first stop", traced.wait()? == stopped(abi::SIGSTOP));
    let refused = traced.write(constant, 1) == Err(Errno(errno::EIO));
    check("a write to a file that is only read", refused && traced.read(constant)? as u32 == MAGIC);
    traced.set_options(TRACESYSGOOD)?;
    let expected = [abi::__NR_getpid, abi::__NR_gettid, abi::__NR_sched_yield, u32::MAX, abi::__NR_getpid];
    for (place, number) in expected.into_iter().enumerate() {
        check("a stop before a call", traced.go_to_system_call()? == at_system_call());
        let registers: General = traced.registers()?;
        check("a call's number", registers.x[8] as u32 == number);
        check("where a call is", traced.read(registers.pc as usize - 4)? as u32 == SVC);
        match place {
            0 => skip(traced, registers)?,
            1 => traced.set_registers(&Number(abi::__NR_getppid as i32))?,
            _ => {}
        }
        check("a stop after a call", traced.go_to_system_call()? == at_system_call());
        let after: General = traced.registers()?;
        check("where a call ended", after.pc == registers.pc);
        match place {
            0 => check("the result of a skipped call", after.x[0] == TOLD as u64),
            1 => check("the result of another call", after.x[0] == getpid() as u64),
            _ => {}
        }
    }
    check("a stop before the last call", traced.go_to_system_call()? == at_system_call());
    check("the end", traced.go_to_system_call()? == SOUND << 8);
    check("where a call is that a signal interrupts, or where it is sent from there", sent_elsewhere()?);
    check("a refused beginning", refused_beginning()?);
    seen.calls = expected.len() + 1;
    Ok(seen)
}

/// The beginning of this program's file, opened for reading and mapped for all who do so.
fn constant() -> Result<usize> {
    let file = open(c"/proc/self/exe", abi::O_RDONLY)? as usize;
    let arguments = [0, 4096, abi::PROT_READ as usize, abi::MAP_SHARED as usize, file, 0];
    // SAFETY: nothing else is where nothing was.
    check(unsafe { call(abi::__NR_mmap, arguments) })
}

const MAGIC: u32 = u32::from_le_bytes(*b"\x7fELF");
const SVC: u32 = 0xd400_0001;

const fn at_system_call() -> i32 {
    stopped(abi::SIGTRAP) | AT_SYSTEM_CALL << 8
}

/// The call that it is about to make is not made.
fn skip(traced: Traced, mut registers: General) -> Result<()> {
    traced.set_registers(&Number(-1))?;
    registers.x[0] = TOLD as u64;
    traced.set_registers(&registers)
}

/// Why the first news of it is, by `waitid`, which leaves them.
fn why(traced: Traced) -> Result<u32> {
    let mut information = [0_u64; 16];
    let options = abi::WSTOPPED | abi::WNOWAIT;
    let arguments = [abi::P_PID as usize, traced.0, from_mut(&mut information) as usize, options as usize, 0, 0];
    // SAFETY: writes a structure of this function's.
    check(unsafe { call(abi::__NR_waitid, arguments) })?;
    Ok(information[1] as u32)
}

/// Where a tracer sends a child.
extern "C" fn elsewhere() -> ! {
    exit_group(SOUND as u8)
}

/// A child waits in a call. When a signal comes, its tracer finds it before the call, as it was made, and sends it elsewhere.
fn sent_elsewhere() -> Result<bool> {
    let [from, _to] = pipe()?;
    let child = fork(|| {
        if trace_me().is_err() || kill(getpid(), abi::SIGSTOP).is_err() {
            return 1;
        }
        _ = read(from, &mut [0]);
        2
    })?;
    let traced = Traced(child);
    let mut right = traced.wait()? == stopped(abi::SIGSTOP);
    // On a busy machine the signal may come before the call: once more, with more time.
    for pause in [10, 100, 1000].map(Duration::from_millis) {
        let sender = fork(|| {
            _ = nanosleep(pause);
            u8::from(kill(child, abi::SIGUSR1).is_err())
        })?;
        right &= traced.go_on(0)? == stopped(abi::SIGUSR1);
        right &= wait(sender as isize, 0)? == (sender, 0);
        let mut registers: General = traced.registers()?;
        let at = traced.read(registers.pc as usize)? as u32;
        if at == SVC && registers.x[8] as u32 == abi::__NR_read && registers.x[0] == from as u64 {
            registers.pc = elsewhere as *const () as u64;
            traced.set_registers(&registers)?;
            return Ok(traced.go_on(0)? == SOUND << 8 && right);
        }
    }
    kill(child, abi::SIGKILL)?;
    traced.wait()?;
    Ok(false)
}

/// Who is refused does not trace.
fn refused_beginning() -> Result<bool> {
    let child = fork(|| {
        _ = nanosleep(Duration::from_secs(100));
        0
    })?;
    let refused = |address, options| Traced::seize(child, address, options).is_err_and(|why| why == Errno(errno::EIO));
    let right = refused(8, 0) && refused(0, 1 << 30) && Traced::attach(child).is_ok();
    kill(child, abi::SIGKILL)?;
    while wait(child as isize, 0)?.1 & 0xff == 0x7f {}
    Ok(right)
}
