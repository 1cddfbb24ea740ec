//! From a machine that is up to one that runs programs: each CPU's first task, the interrupts, the first process.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;
use core::hint::spin_loop;

use vestibule::{NoIrq, Process as ProcessContext};
use vestibule_arm64::{CpuLocal, Frame, Hardware as _, STACK_SIZE, install, switch};

use crate::device_tree::PhysicalRange;
use crate::errno::Errno;
use crate::files::{self, table::Location};
use crate::options::Options;
use crate::planted::Bug;
use crate::process::{Process, Program};
use crate::reference::{Cpu, Hardware, Port, Reference};
use crate::stacks::Stack;
use crate::task::{Start, Task};
use crate::{
    breakpoints, cpu_time, device_tree, gic, interrupts, lockup, nmi, nmi_work, percpu, println, profile, rcu,
    sampling, scheduler, self_check, stacks, terminal, test_hooks, timer,
};

type Failure = Box<dyn Display>;

/// The first CPU: the first process, and then its idle task's life.
pub fn run_first(options: &Options, program: Option<PhysicalRange>, terminal_interrupt: u32) -> Result<(), Failure> {
    scheduler::set_model(options.preemption);
    if options.plain_terminal {
        terminal::TERMINAL.make_plain();
    }
    if let Some(bug) = options.bug {
        bug.plant();
        if bug == Bug::NoGuard {
            // It has been checked before.
            self_check::stacks();
        }
    }
    if let Some(milliseconds) = options.lockup_milliseconds {
        lockup::set_limit(u64::from(milliseconds) * 1_000_000);
        sampling::set_period(None);
    }
    if let Some(hertz) = options.nmis_hertz {
        profile::run_for_ever(u64::from(hertz));
    }
    let overflow_stack_top = stack_for_ever();
    let cpu = become_task(0, overflow_stack_top);
    self_check::exceptions(overflow_stack_top);
    // All that the kernel has for ever is there before a program looks: it may begin on another CPU at once.
    while percpu::online().any(|number| scheduler::current_on(number).is_none()) {
        spin_loop();
    }
    for life in [rcu::free, terminal::feed] {
        scheduler::start(Task::new(0, None, Start::Kernel(life)).map_err(boxed)?);
    }
    start_program(options, program)?;
    terminal::start(terminal_interrupt, 0);
    live(cpu)
}

/// Another CPU: its idle task's life.
pub fn run_other(number: usize) -> ! {
    let cpu = become_task(number, stack_for_ever());
    live(cpu)
}

/// From here on this CPU has a current task and takes exceptions through the port.
fn become_task(number: usize, overflow_stack_top: u64) -> Cpu<NoIrq> {
    // Whoever boots a CPU does so on a stack of its own: it ends where the alignment does.
    let stack_top = (Hardware::stack_pointer() | (STACK_SIZE - 1)) + 1;
    let irq_stack_top = stack_for_ever();
    stacks::are_of_cpu(number, irq_stack_top as usize, overflow_stack_top as usize);
    let local = CpuLocal::new(number, irq_stack_top, overflow_stack_top);
    // SAFETY: this runs on it, and never leaves it.
    let idle = unsafe { Task::for_idle(stack_top as usize) };
    let local: &CpuLocal = Box::leak(Box::new(local));
    // SAFETY: this CPU's, with the two stacks made for it.
    unsafe { idle.thread().set_cpu(local) };
    scheduler::adopt(local, idle.clone());
    rcu::watch(local);
    // The CPU idles in it for ever.
    let idle = Box::leak(Box::new(idle));
    // SAFETY: everything has been masked since the CPU started, and nobody has a token; the task is whole and stays.
    unsafe {
        install::<Port>();
        switch::boot::<Reference>(idle.thread())
    }
}

/// The top of a stack for a CPU itself.
fn stack_for_ever() -> u64 {
    Stack::new().expect("memory for a CPU's stack").leak() as u64
}

/// Interrupts come, and the idle task idles.
fn live(cpu: Cpu<NoIrq>) -> ! {
    let number = vestibule_arm64::this_cpu(&cpu).number();
    for interrupt in [
        interrupts::RESCHEDULE,
        nmi_work::INTERRUPT,
        profile::INTERRUPT,
        breakpoints::INTERRUPT,
        timer::interrupt(),
        test_hooks::serrors::INTERRUPT,
    ] {
        gic::enable_private(number, interrupt, gic::PRIORITY_IRQ);
    }
    gic::enable_fiq(number, interrupts::FIQ);
    timer::start_tick(cpu_time::HERTZ, number, percpu::count());
    nmi::init_cpu(number);
    // SAFETY: this is where the CPU came up to, and no exception.
    let cpu: Cpu<ProcessContext> = unsafe { switch::open_first(cpu) };
    scheduler::idle(cpu)
}

/// Fills the tree of files from the initial RAM disk, and starts the program that the command line names.
fn start_program(options: &Options, archive: Option<PhysicalRange>) -> Result<(), Failure> {
    let range = archive.ok_or_else(|| boxed("no program: the boot loader passed no initial RAM disk"))?;
    // SAFETY: `frames` reserved the RAM disk, so that nobody writes to it.
    let archive = unsafe { device_tree::bytes(&range) };
    files::fill(archive).map_err(boxed)?;

    let arguments = options.arguments.clone();
    let name = arguments.first().cloned().unwrap_or_else(|| b"program".to_vec());
    let shown = String::from_utf8_lossy(&name).into_owned();
    let refused = |why: Errno| boxed(alloc::format!("{shown}: cannot be run: error {}", why.number()));
    // A name without a folder is one in `/bin`.
    let folder =
        if name.contains(&b'/') { files::root() } else { files::find(b"/bin", &files::root()).map_err(refused)? };
    let program = Program::find(name, &folder, arguments).map_err(refused)?;
    let loaded = program.load(&ENVIRONMENT.map(Vec::from));
    let (memory, start) = loaded.map_err(|why| boxed(alloc::format!("{shown}: {why}")))?;
    let frame = Frame::for_user(start.entry as u64, start.stack_pointer as u64);
    let table = files::first_table().map_err(refused)?;

    println!("--- {shown}");
    let process = Process::first(program, memory, table, Location::new(files::root()));
    let task = Task::new(process.id(), Some(process.clone()), Start::User(frame)).map_err(boxed)?;
    task.keys.choose();
    process.add(&task).map_err(boxed)?;
    scheduler::start(task);
    Ok(())
}

/// As Linux's first process has it.
const ENVIRONMENT: [&[u8]; 2] = [b"HOME=/", b"TERM=linux"];

fn boxed(why: impl Display + 'static) -> Failure {
    Box::new(why)
}
