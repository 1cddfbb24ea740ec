//! What QEMU calls: connects its translated instructions with a [`Tracker`] for each CPU.

use crate::arguments::Arguments;
use crate::class::{Class, may_be_slot, slot_at};
use crate::decode::{self, Mask};
use crate::ledger::Ledger;
use crate::qemu::{self, Block, Info, Instruction, PluginId, Registers, Scoreboard};
use crate::report::{Counts, Measures};
use crate::tracker::Tracker;
use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread::{self, ThreadId};

struct Counter {
    arguments: Arguments,
    board: Scoreboard,
    /// By QEMU's index. Callbacks are rare (vectors, ERETs, marks), so one lock serves all.
    cpus: Mutex<Vec<Option<Cpu>>>,
    out: Mutex<Box<dyn Write + Send>>,
}

struct Cpu {
    thread: ThreadId,
    registers: Registers,
    tracker: Tracker,
}

static COUNTER: OnceLock<Counter> = OnceLock::new();

/// The counter ended the run itself: there is nothing to report.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// QEMU's entry point into the plugin. Returns 0 if it can count, else QEMU gives up.
///
/// # Safety
/// As QEMU calls it: `info` is valid, and `argv` holds `argc` strings.
#[unsafe(export_name = "qemu_plugin_install")]
pub unsafe extern "C" fn install(id: PluginId, info: *const Info, argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let started = unsafe { start(&*info, argc, argv) };
    match started {
        Ok(()) => {
            qemu::register(id, cpu_begins, translated, qemu_ends);
            0
        }
        Err(error) => {
            eprintln!("vestibule-counter: {error}");
            1
        }
    }
}

/// # Safety
/// `argv` holds `argc` strings.
unsafe fn start(info: &Info, argc: c_int, argv: *const *const c_char) -> Result<(), Box<dyn Error>> {
    if !info.is_aarch64_system() {
        return Err("it counts on qemu-system-aarch64 only".into());
    }
    let given = (0..usize::try_from(argc)?).map(|index| {
        // SAFETY: the caller's promise.
        unsafe { CStr::from_ptr(*argv.add(index)) }.to_str()
    });
    let arguments = Arguments::parse(given.collect::<Result<Vec<_>, _>>()?)?;
    let out = open_report(&arguments)?;
    let counter = Counter { arguments, board: Scoreboard::new(), cpus: Mutex::default(), out: Mutex::new(out) };
    COUNTER.set(counter).map_err(|_| "it is loaded twice".into())
}

/// Opens the report's file at the start, so that a bad path fails before the run and not after it.
fn open_report(arguments: &Arguments) -> Result<Box<dyn Write + Send>, String> {
    match &arguments.out {
        None => Ok(Box::new(io::stderr())),
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(format!("cannot write {}: {error}", path.display())),
        },
    }
}

extern "C" fn cpu_begins(_: PluginId, vcpu: c_uint) {
    if let Err(error) = begin(vcpu) {
        eprintln!("vestibule-counter: CPU {vcpu}: {error}");
        REFUSED.store(true, Ordering::Relaxed);
        std::process::exit(1);
    }
}

fn begin(vcpu: c_uint) -> Result<(), String> {
    let registers = Registers::of_this_cpu()?;
    let thread = thread::current().id();
    let mut cpus = counter().cpus();
    if cpus.iter().flatten().any(|cpu| cpu.thread == thread) {
        // The code QEMU translates then has the number of the translating CPU in it, whichever executes it.
        return Err("QEMU 10 mixes up several CPUs on one thread: count with -smp 1, or without -icount".into());
    }
    let index = vcpu as usize;
    if cpus.len() <= index {
        cpus.resize_with(index + 1, || None);
    }
    cpus[index] = Some(Cpu { thread, registers, tracker: Tracker::default() });
    Ok(())
}

extern "C" fn translated(_: PluginId, block: Block) {
    for (index, instruction) in block.instructions().enumerate() {
        // An exception begins a block; what is reached inside one is reached by no exception.
        if index == 0 && counter().may_be_vector(instruction.address()) {
            instruction.call(vector, instruction.address() as usize);
        }
        if let Some(word) = instruction.word() {
            counter().instrument(&instruction, word);
        }
    }
}

impl Counter {
    fn may_be_vector(&self, address: u64) -> bool {
        match self.arguments.vector_base {
            Some(base) => slot_at(address, base).is_some(),
            None => may_be_slot(address),
        }
    }

    /// An event includes the vector's first instruction and its ERET, so the call for a vector is registered before
    /// the additions made here, and the call for an ERET after them.
    fn instrument(&self, instruction: &Instruction, word: u32) {
        let address = instruction.address();
        self.count(instruction, word, offset_of!(Counts<u64>, total));
        if self.arguments.is_entry_text(address) {
            self.count(instruction, word, offset_of!(Counts<u64>, entry_text));
        }
        if decode::is_exception_return(word) {
            instruction.call(exception_return, 0);
        }
        if self.arguments.task_switch == Some(address) {
            instruction.call(task_switch, 0);
        }
        if decode::mark(word).is_some() {
            instruction.call(phase_mark, word as usize);
        }
    }

    fn count(&self, instruction: &Instruction, word: u32, part: usize) {
        let effects = decode::effects(word);
        instruction.count(&self.board, part + offset_of!(Measures<u64>, instructions));
        for (applies, field) in [
            (effects.mask_write == Some(Mask::Daif), offset_of!(Measures<u64>, daif_writes)),
            (effects.mask_write == Some(Mask::Pmr), offset_of!(Measures<u64>, pmr_writes)),
            (effects.mask_write == Some(Mask::Allint), offset_of!(Measures<u64>, allint_writes)),
            (effects.barrier, offset_of!(Measures<u64>, barriers)),
            (effects.load, offset_of!(Measures<u64>, loads)),
            (effects.store, offset_of!(Measures<u64>, stores)),
        ] {
            if applies {
                instruction.count(&self.board, part + field);
            }
        }
    }

    fn cpus(&self) -> MutexGuard<'_, Vec<Option<Cpu>>> {
        self.cpus.lock().expect("a callback that panics ends QEMU")
    }

    fn on(&self, vcpu: c_uint, act: impl FnOnce(&mut Cpu, Counts<u64>)) {
        let now = self.board.counters(vcpu);
        let mut cpus = self.cpus();
        act(cpus[vcpu as usize].as_mut().expect("a CPU begins before it runs"), now);
    }
}

extern "C" fn vector(vcpu: c_uint, address: *mut c_void) {
    counter().on(vcpu, |cpu, now| {
        let base = counter().arguments.vector_base.unwrap_or_else(|| cpu.registers.vector_base.read());
        if let Some((origin, kind)) = slot_at(address.addr() as u64, base) {
            let class = Class::new(origin, kind, cpu.registers.syndrome.read(), cpu.registers.x8.read());
            cpu.tracker.enter(class, cpu.registers.stack_pointer.read(), now);
        }
    });
}

extern "C" fn exception_return(vcpu: c_uint, _: *mut c_void) {
    counter().on(vcpu, |cpu, now| {
        if exception_level(cpu.registers.pstate.read()) == 1 {
            cpu.tracker.leave(cpu.registers.stack_pointer.read(), now);
        }
    });
}

extern "C" fn task_switch(vcpu: c_uint, _: *mut c_void) {
    counter().on(vcpu, |cpu, _| cpu.tracker.switch());
}

extern "C" fn phase_mark(vcpu: c_uint, word: *mut c_void) {
    let mark = decode::mark(word.addr() as u32).expect("registered for marks only");
    counter().on(vcpu, |cpu, _| cpu.tracker.mark(mark));
}

extern "C" fn qemu_ends(_: PluginId, _: *mut c_void) {
    if REFUSED.load(Ordering::Relaxed) {
        return;
    }
    let mut ledger = Ledger::default();
    for cpu in counter().cpus().drain(..).flatten() {
        ledger.merge(cpu.tracker.finish());
    }
    if let Err(error) = write(&ledger) {
        eprintln!("vestibule-counter: cannot write the report: {error}");
        std::process::abort(); // QEMU's own status would hide it
    }
}

fn write(ledger: &Ledger) -> io::Result<()> {
    let mut out = counter().out.lock().expect("nobody else writes the report");
    serde_json::to_writer_pretty(&mut *out, &ledger.report())?;
    writeln!(out)
}

fn counter() -> &'static Counter {
    COUNTER.get().expect("callbacks are registered after the counter is set")
}

fn exception_level(pstate: u64) -> u64 {
    pstate >> 2 & 0b11
}
