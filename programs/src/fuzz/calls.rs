//! System calls of every number, with any arguments.

use core::arch::naked_asm;

use super::arguments::Places;
use super::random::Random;
use crate::runtime::syscall::{abi, call, exit_group};

/// One more than the highest number that Linux has given so far.
const NUMBERS: usize = 470;
/// How many calls a child makes, unless one of them ends it.
const CALLS: usize = 400;
/// The numbers of calls that are for tests: some of them are bugs on purpose.
const TEST_CALLS: core::ops::Range<u32> = 0x1000..0x1100;

/// A call whose other arguments are zero.
pub fn plain<const N: usize>(number: u32, arguments: [usize; N]) -> isize {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: what is passed is memory of the caller's, for the time of the call.
    unsafe { call(number, six) }
}

/// A process that is a copy of this one: zero in the copy.
pub fn fork() -> isize {
    plain(abi::__NR_clone, [abi::SIGCHLD as usize])
}

/// Sleeps for a millisecond.
pub fn sleep_a_little() {
    let time = [0_i64, 1_000_000];
    plain(abi::__NR_nanosleep, [&raw const time as usize]);
}

/// What children do with the terminal neither stops nor ends this process.
pub fn ignore_terminal() {
    const IGNORE: usize = 1;
    let action = [IGNORE, 0, 0, 0];
    for signal in [abi::SIGHUP, abi::SIGINT, abi::SIGQUIT, abi::SIGTSTP, abi::SIGTTIN, abi::SIGTTOU] {
        plain(abi::__NR_rt_sigaction, [signal as usize, action.as_ptr() as usize, 0, 8]);
    }
}

/// What a child does to the terminal is undone: output goes on, with settings that show it.
pub fn restore_terminal() {
    const TCGETS: usize = 0x5401;
    const TCSETS: usize = 0x5402;
    const TCXONC: usize = 0x540a;
    const OUTPUT_ON: usize = 1;
    let mut settings = [0_u32; 9];
    plain(abi::__NR_ioctl, [1, TCXONC, OUTPUT_ON]);
    if plain(abi::__NR_ioctl, [1, TCGETS, settings.as_mut_ptr() as usize]) == 0 {
        settings[1] = abi::OPOST | abi::ONLCR;
        settings[3] &= !abi::TOSTOP;
        plain(abi::__NR_ioctl, [1, TCSETS, settings.as_ptr() as usize]);
    }
}

/// A child's first steps: a process group of its own, where it meets nobody else by signals to a group; nothing of the
/// terminal as standard input and output, but a way to it; and a signal now and then, so that nothing sleeps for ever.
pub fn leave_family() {
    plain(abi::__NR_setpgid, [0, 0]);
    let null = plain(abi::__NR_openat, [-100_isize as usize, c"/dev/null".as_ptr() as usize, abi::O_RDWR as usize]);
    plain(abi::__NR_dup3, [1, 9]);
    for standard in 0..3 {
        if null >= 0 {
            plain(abi::__NR_dup3, [null as usize, standard]);
        } else {
            plain(abi::__NR_close, [standard]);
        }
    }
    let mut ends = [0_i32; 2];
    plain(abi::__NR_pipe2, [ends.as_mut_ptr() as usize, 0]);
    interrupt_often();
}

/// A signal every few milliseconds, so that nothing sleeps for ever.
pub fn interrupt_often() {
    let action = [do_nothing as *const () as usize, 0, 0, 0];
    plain(abi::__NR_rt_sigaction, [abi::SIGALRM as usize, action.as_ptr() as usize, 0, 8]);
    let every_5_ms = [0_i64, 5000, 0, 5000];
    plain(abi::__NR_setitimer, [abi::ITIMER_REAL as usize, every_5_ms.as_ptr() as usize]);
}

extern "C" fn do_nothing() {}

/// Makes calls until there were enough, or one ends the process.
pub fn make_many(random: &mut Random) {
    let Some(places) = Places::new() else { exit_group(0) };
    let own = plain(abi::__NR_getpid, []) as usize;
    for _ in 0..CALLS {
        places.fill(random);
        let number = number(random);
        let arguments = core::array::from_fn(|_| places.argument(random));
        // SAFETY: none; whatever becomes of this process becomes of it alone.
        unsafe { call_or_end(number, &tame(number, arguments, own)) };
    }
}

fn number(random: &mut Random) -> u32 {
    loop {
        let number = match random.below(40) {
            0 => random.next() as u32,
            1 => random.below(1 << 16) as u32,
            _ => random.below(NUMBERS) as u32,
        };
        // A machine that is off proves nothing.
        if number != abi::__NR_reboot && !TEST_CALLS.contains(&number) {
            return number;
        }
    }
}

/// Calls that reach other processes by their numbers reach this one, or nobody: the others are needed.
fn tame(number: u32, mut arguments: [usize; 6], own: usize) -> [usize; 6] {
    const REACH: [u32; 14] = [
        abi::__NR_kill,
        abi::__NR_tkill,
        abi::__NR_tgkill,
        abi::__NR_rt_sigqueueinfo,
        abi::__NR_rt_tgsigqueueinfo,
        abi::__NR_process_vm_writev,
        abi::__NR_prlimit64,
        abi::__NR_sched_setaffinity,
        abi::__NR_sched_setscheduler,
        abi::__NR_sched_setparam,
        abi::__NR_sched_setattr,
        abi::__NR_setpgid,
        abi::__NR_pidfd_open,
        abi::__NR_setpriority,
    ];
    if REACH.contains(&number) {
        let is_fine = |pid: usize| pid as u32 == own as u32 || (pid as u32) > 1 << 23 && (pid as i32) > 0;
        arguments[0] = if is_fine(arguments[0]) { arguments[0] } else { own };
        if number == abi::__NR_tgkill || number == abi::__NR_setpriority {
            arguments[1] = if is_fine(arguments[1]) { arguments[1] } else { own };
        }
    }
    // Any other request is about a process that is traced, and then it is this one's.
    if number == abi::__NR_ptrace {
        arguments[1] = own;
    }
    arguments
}

/// Makes a call. Where it comes back in another process or thread as well, that one ends before it touches anything: it
/// may be on the same stack.
///
/// # Safety
/// The process is ready to lose everything.
#[unsafe(naked)]
unsafe extern "C" fn call_or_end(number: u32, arguments: &[usize; 6]) -> isize {
    naked_asm!(
        "mov w8, w0",
        "ldp x4, x5, [x1, #32]",
        "ldp x2, x3, [x1, #16]",
        "ldp x0, x1, [x1]",
        "svc 0",
        "cmp w8, {clone}",
        "b.eq 1f",
        "cmp w8, {clone3}",
        "b.ne 2f",
        "1:",
        "cbnz x0, 2f",
        "mov w8, {exit}",
        "svc 0",
        "2:",
        "ret",
        clone = const abi::__NR_clone,
        clone3 = const abi::__NR_clone3,
        exit = const abi::__NR_exit,
    )
}
