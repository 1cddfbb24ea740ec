//! System calls, by Linux's arm64 numbers and rules: number in X8, arguments in X0 to X5, result or minus the error in X0.

mod alarms;
mod execute;
mod files;
mod futex;
mod identity;
mod machine;
pub use machine::{RELEASE, VERSION, host_name};
mod memory;
mod processes;
mod signals;
mod tasks;
mod time;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;
use vestibule::{Flags, Process as ProcessContext};
use vestibule_arm64::Frame;

use crate::errno::{Errno, Result};
use crate::files::open;
use crate::process::{Memory, Process};
use crate::reference::{Cpu, Machine};
use crate::task::Task;
use crate::{
    breakpoints, fault_hooks, frames, heap, mte, out_of_memory, paging, println, ptrace, rcu, stacks, statistics,
    test_hooks,
};

/// What a system call works on: the CPU, the task's process, the arguments.
struct Call<'a> {
    cpu: &'a mut Cpu<ProcessContext>,
    process: &'a Arc<Process>,
    frame: &'a mut Frame,
}

impl Call<'_> {
    fn argument(&self, n: usize) -> usize {
        self.frame.regs[n] as usize
    }

    /// Who makes a system call has not ended, and so has memory.
    fn memory(&self) -> Result<Arc<Memory>> {
        self.process.memory().ok_or(Errno::ESRCH)
    }
}

/// The system call in `frame`.
#[inline(never)]
pub fn call(mut cpu: Cpu<ProcessContext>, frame: &mut Frame) -> Cpu<ProcessContext> {
    // The one that is nothing but entry and exit, so that it can be measured.
    if number(frame) == linux::__NR_getppid {
        frame.regs[0] = u64::from(Task::current(&cpu).process().map_or(0, |process| process.parent_id()));
        return cpu;
    }
    dispatch(&mut cpu, frame);
    cpu
}

/// Its number, an `int` as Linux has it: X8 may have more.
pub const fn number(frame: &Frame) -> u32 {
    frame.syscall as u32
}

fn dispatch(cpu: &mut Cpu<ProcessContext>, frame: &mut Frame) {
    let task = core::ptr::from_ref(Task::current(cpu));
    // SAFETY: the current task lives as long as this call, which it makes, and so does its process.
    let Some(process) = unsafe { &*task }.process() else { unreachable!("a kernel thread made a system call") };
    // What the kernel itself needs for a call may come from the reserve, so nobody begins one on it.
    if frames::is_low() {
        out_of_memory::make_room(cpu);
    }
    let number = number(frame);
    let result = run(number, &mut Call { cpu, process, frame });
    frame.regs[0] = match result {
        Ok(value) => value as u64,
        Err(errno) => {
            // A signal is seen before its flag is set; the answer must not reach user mode as it is.
            if errno.is_internal() {
                Task::current(cpu).word().set::<Machine>(Flags::SIGNAL);
            }
            errno.to_register()
        }
    };
}

fn run(number: u32, call: &mut Call) -> Result {
    match number {
        linux::__NR_mmap => memory::map(call),
        linux::__NR_munmap => memory::unmap(call),
        linux::__NR_mprotect => memory::protect(call),
        linux::__NR_mremap => memory::remap(call),
        linux::__NR_madvise => memory::advise(call),
        linux::__NR_mincore => memory::residency(call),
        linux::__NR_mlock | linux::__NR_mlock2 | linux::__NR_munlock => memory::lock(call),
        linux::__NR_mlockall | linux::__NR_munlockall => Ok(0),
        linux::__NR_msync => memory::synchronise(call),
        linux::__NR_brk => memory::set_break(call),
        linux::__NR_exit => processes::exit(call),
        linux::__NR_exit_group => processes::exit_group(call),
        linux::__NR_clone => processes::clone(call),
        linux::__NR_clone3 => processes::clone_by_struct(call),
        linux::__NR_execve => execute::execute(call),
        linux::__NR_execveat => execute::execute_at(call),
        linux::__NR_wait4 => processes::wait(call),
        linux::__NR_waitid => processes::wait_id(call),
        linux::__NR_setpgid => processes::set_group(call),
        linux::__NR_getpgid => processes::group(call),
        linux::__NR_getsid => processes::session(call),
        linux::__NR_setsid => processes::lead_session(call),
        linux::__NR_getpid => Ok(call.process.id() as usize),
        linux::__NR_gettid => Ok(Task::current(call.cpu).id() as usize),
        linux::__NR_getuid | linux::__NR_geteuid | linux::__NR_getgid | linux::__NR_getegid => Ok(0),
        linux::__NR_setuid | linux::__NR_setgid => identity::stay_root(call, 1),
        linux::__NR_setreuid | linux::__NR_setregid => identity::stay_root(call, 2),
        linux::__NR_setresuid | linux::__NR_setresgid => identity::stay_root(call, 3),
        linux::__NR_setfsuid | linux::__NR_setfsgid => Ok(0),
        linux::__NR_getresuid | linux::__NR_getresgid => identity::three_roots(call),
        linux::__NR_getgroups => identity::groups(call),
        linux::__NR_setgroups => identity::set_groups(call),
        linux::__NR_prctl => identity::control(call),
        linux::__NR_prlimit64 => identity::limit(call),
        linux::__NR_getpriority => identity::priority(call),
        linux::__NR_setpriority => identity::set_priority(call),
        linux::__NR_sched_getscheduler => identity::scheduling(call),
        linux::__NR_personality => Ok(0),
        linux::__NR_set_tid_address => tasks::set_tid_address(call),
        linux::__NR_kill => signals::kill(call),
        linux::__NR_tkill => signals::kill_task(call),
        linux::__NR_tgkill => signals::kill_task_of_group(call),
        linux::__NR_rt_sigqueueinfo => signals::queue(call),
        linux::__NR_rt_tgsigqueueinfo => signals::queue_to_task(call),
        linux::__NR_rt_sigaction => signals::action(call),
        linux::__NR_rt_sigprocmask => signals::block(call),
        linux::__NR_rt_sigpending => signals::pending(call),
        linux::__NR_rt_sigsuspend => signals::suspend(call),
        linux::__NR_rt_sigtimedwait => signals::wait(call),
        linux::__NR_rt_sigreturn => signals::back(call),
        linux::__NR_sigaltstack => signals::alternate_stack(call),
        linux::__NR_ptrace => {
            ptrace::request(call.cpu, call.process, core::array::from_fn(|n| call.frame.regs[n] as usize))
        }
        linux::__NR_sched_yield => tasks::sched_yield(call),
        linux::__NR_sched_setaffinity => tasks::sched_setaffinity(call),
        linux::__NR_sched_getaffinity => tasks::sched_getaffinity(call),
        linux::__NR_getcpu => tasks::getcpu(call),
        linux::__NR_futex => futex::futex(call),
        linux::__NR_set_robust_list => futex::set_robust_list(call),
        linux::__NR_get_robust_list => futex::get_robust_list(call),
        linux::__NR_nanosleep => time::nanosleep(call),
        linux::__NR_clock_nanosleep => time::clock_nanosleep(call),
        linux::__NR_restart_syscall => time::restart(call),
        linux::__NR_clock_gettime => time::clock_gettime(call),
        linux::__NR_clock_getres => time::clock_getres(call),
        linux::__NR_clock_settime => time::clock_settime(call),
        linux::__NR_gettimeofday => time::gettimeofday(call),
        linux::__NR_settimeofday => time::settimeofday(call),
        linux::__NR_times => time::times(call),
        linux::__NR_getrusage => time::getrusage(call),
        linux::__NR_getitimer => alarms::getitimer(call),
        linux::__NR_setitimer => alarms::setitimer(call),
        linux::__NR_timer_create => alarms::create(call),
        linux::__NR_timer_settime => alarms::settime(call),
        linux::__NR_timer_gettime => alarms::gettime(call),
        linux::__NR_timer_getoverrun => alarms::getoverrun(call),
        linux::__NR_timer_delete => alarms::delete(call),
        test_hooks::SPIN => test_hooks::spin(call.cpu, call.argument(0)),
        test_hooks::SPIN_MASKED => test_hooks::spin_masked(call.cpu, call.argument(0)),
        test_hooks::FIQS => test_hooks::fiqs(call.argument(0) != 0),
        test_hooks::STORE_MISTAGGED => mte::store_mistagged(call.cpu, call.argument(0)),
        test_hooks::KERNEL_TAG_FAULTS => Ok(mte::faults(call.argument(0))),
        test_hooks::COPY => test_hooks::copy(call.cpu, call.argument(0), call.argument(1)),
        test_hooks::OVERFLOW => Ok(test_hooks::overflow(0) as usize),
        test_hooks::BUG => test_hooks::bug(),
        test_hooks::RCU_READER => Ok(rcu::torture::reader(call.cpu, call.argument(0) as u64) as usize),
        test_hooks::RCU_IN_TICKS => Ok(rcu::torture::read_in_ticks(call.argument(0) != 0) as usize),
        test_hooks::RCU_WRITER => Ok(rcu::torture::writer(call.cpu, call.argument(0) != 0) as usize),
        test_hooks::FRAMES_IN_USE => Ok(frames::in_use() - heap::frames() - paging::table_frames()),
        test_hooks::HEAP_BYTES => Ok(heap::bytes()),
        test_hooks::TASKS => Ok(stacks::count()),
        test_hooks::OPEN_FILES => Ok(open::count()),
        test_hooks::PLANT => test_hooks::plant(call.argument(0)),
        test_hooks::COUNT_HITS => test_hooks::count_hits(call.cpu, call.argument(0), call.argument(1)),
        test_hooks::OWN_BREAKPOINTS => breakpoints::check::call(call.cpu, call.argument(0), call.argument(1)),
        test_hooks::SYNCHRONOUS_PREEMPTIONS => Ok(statistics::SYNCHRONOUS_EXIT.get() as usize),
        fault_hooks::FIRST..=fault_hooks::LAST => fault_hooks::run(call.cpu, call.frame, number - fault_hooks::FIRST),
        test_hooks::serrors::SERROR => {
            test_hooks::serrors::ask(call.cpu, call.argument(0), call.argument(1), call.argument(2))
        }
        test_hooks::serrors::OWN_EXCEPTION => {
            test_hooks::serrors::ask_own(call.cpu, call.argument(0), call.argument(1))
        }
        test_hooks::serrors::SYNCHRONOUS => {
            test_hooks::serrors::take(call.argument(0), call.argument(1), call.argument(2))
        }
        test_hooks::serrors::OUTCOME => test_hooks::serrors::outcome(),
        test_hooks::serrors::COUNT => test_hooks::serrors::count(call.argument(0)),
        linux::__NR_uname => machine::uname(call),
        linux::__NR_sethostname => machine::sethostname(call),
        linux::__NR_sysinfo => machine::information(call),
        linux::__NR_getrandom => machine::getrandom(call),
        _ => files::run(number, call).unwrap_or_else(|| {
            tell_once(number);
            Err(Errno::ENOSYS)
        }),
    }
}

/// Says that somebody asks for a system call that there is not: of each number once, so that nobody fills the log.
fn tell_once(number: u32) {
    static TOLD: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    let Some(word) = TOLD.get(number as usize / 64) else { return };
    let bit = 1 << (number % 64);
    if word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        println!("system call {number}: not there");
    }
}
