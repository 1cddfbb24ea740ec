//! What the code under test does, one step each: every call of the port's hardware trait, and every place where the
//! kernel's own code runs.

use vestibule_arm64::breakpoints::Kind;
use vestibule_arm64::hardware::{KDE, MDE, MDSCR_SS};
use vestibule_arm64::priority::{OFF, OPEN};

use crate::cpu::{DAIF, Owner};
use crate::event::Exception;

/// A register that the next exception overwrites, or that belongs to the interrupted user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bank {
    /// ELR_EL1.
    Elr,
    /// SPSR_EL1.
    Spsr,
    /// ESR_EL1.
    Esr,
    /// FAR_EL1.
    Far,
    /// SP_EL0.
    SpEl0,
}

/// A word in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// A task's counts and flags.
    Word(usize),
    /// A task's pointer to its CPU.
    ThreadCpu,
    /// What a task is armed with: its step, its breakpoints and watchpoints.
    Step(usize),
    /// How a task's tags are checked.
    Tags(usize),
    /// Which CPU loaded a task's FP/SIMD registers last.
    LoadedBy(usize),
    /// Whose FP/SIMD registers the CPU loaded last.
    FpsimdOf,
    /// Context tracking: odd while watching.
    Watching,
    /// Context tracking: how deep.
    Nesting,
    /// What tracing believes of interrupts.
    Belief,
}

/// A stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stack {
    /// The running task's.
    Task,
    /// This CPU's interrupt stack.
    Irq,
    /// This CPU's overflow stack.
    Overflow,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// MRS DAIF.
    ReadDaif,
    /// MSR DAIF.
    WriteDaif(u8),
    /// MSR DAIFSet.
    DaifSet(u8),
    /// MSR DAIFClr.
    DaifClear(u8),
    /// MRS ICC_PMR_EL1.
    ReadPmr,
    /// MSR ICC_PMR_EL1.
    SetPmr(u8),
    /// MRS ALLINT.
    ReadAllInt,
    /// MSR ALLINT.
    WriteAllInt(bool),
    /// MRS ICC_RPR_EL1.
    ReadRpr,
    /// MRS ISR_EL1.
    ReadIsr,
    /// MRS of a banked register.
    ReadBank(Bank),
    /// MSR of one.
    WriteBank(Bank),
    /// A read of the frame: the field's offset in words.
    ReadField(u8),
    /// A write of it.
    WriteField(u8),
    /// A read of memory.
    Load(Cell),
    /// A write.
    Store(Cell, u64),
    /// An addition.
    Add(Cell, u64),
    /// Bits set.
    Set(Cell, u64),
    /// Bits cleared.
    Clear(Cell, u64),
    /// A read of the stack pointer.
    ReadSp,
    /// The stack changes.
    Stack(Stack),
    /// This task runs now.
    Switched(usize),
    /// FP/SIMD registers to memory.
    StoreFpsimd,
    /// And from there.
    LoadFpsimd,
    /// TFSRE0_EL1 (0) or TFSR_EL1 (1) is read.
    ReadFaults(usize),
    /// And cleared.
    ClearFaults(usize),
    /// MSR TCO.
    SetTco(bool),
    /// SCTLR_EL1.TCF0 and GCR_EL1.Exclude are written.
    SetTagChecks(u64),
    /// DSB.
    Dsb,
    /// These of MDSCR_EL1 become those.
    ChangeMdscr(u16, u16),
    /// A breakpoint or a watchpoint becomes somebody's.
    SetPoint(Kind, Owner),
    /// ISB.
    Isb,
    /// WFI is over.
    Wait,
    /// The kernel's own code.
    Kernel(&'static str),
    /// The interrupt controller is asked which interrupt this is, or told that it is over.
    Gic(&'static str),
    /// The hardware takes an exception.
    Take(Exception),
    /// ERET.
    Return,
}

impl Op {
    /// Whether an exception just after it could see anything else than one just before it, or be seen. What reads only what
    /// every exception puts back is invisible.
    pub(crate) const fn is_visible(self) -> bool {
        !matches!(
            self,
            Op::ReadDaif
                | Op::ReadPmr
                | Op::ReadAllInt
                | Op::ReadRpr
                | Op::ReadField(_)
                | Op::WriteField(_)
                | Op::ReadSp
                | Op::Isb
                | Op::ReadBank(_)
                | Op::ReadFaults(_)
                | Op::ClearFaults(_)
                | Op::Dsb
                | Op::Load(Cell::ThreadCpu | Cell::Step(_) | Cell::Tags(_) | Cell::LoadedBy(_) | Cell::FpsimdOf)
        )
    }

    /// Tells one step from another: for the history that stands for an activation's locals.
    pub(crate) fn code(self) -> u64 {
        let cell = |cell: Cell| match cell {
            Cell::Word(task) => task as u64,
            Cell::ThreadCpu => 8,
            Cell::Watching => 9,
            Cell::Nesting => 10,
            Cell::Belief => 11,
            Cell::FpsimdOf => 12,
            Cell::LoadedBy(task) => 16 + task as u64,
            Cell::Step(task) => 24 + task as u64,
            Cell::Tags(task) => 32 + task as u64,
        };
        let (kind, detail) = match self {
            Op::ReadDaif => (1, 0),
            Op::WriteDaif(bits) => (2, u64::from(bits)),
            Op::DaifSet(bits) => (3, u64::from(bits)),
            Op::DaifClear(bits) => (4, u64::from(bits)),
            Op::ReadBank(bank) => (5, bank as u64),
            Op::WriteBank(bank) => (6, bank as u64),
            Op::ReadField(field) => (7, u64::from(field)),
            Op::WriteField(field) => (8, u64::from(field)),
            Op::Load(of) => (9, cell(of)),
            Op::Store(of, _) => (10, cell(of)),
            Op::Add(of, _) => (11, cell(of)),
            Op::Set(of, _) => (12, cell(of)),
            Op::Clear(of, _) => (13, cell(of)),
            Op::ReadSp => (14, 0),
            Op::Stack(stack) => (15, stack as u64),
            Op::Switched(_) => (16, 0),
            Op::Wait => (17, 0),
            Op::Kernel(name) => (18, name_code(name)),
            Op::Gic(name) => (19, name_code(name)),
            Op::Take(exception) => (20, exception as u64),
            Op::Return => (21, 0),
            Op::StoreFpsimd => (22, 0),
            Op::LoadFpsimd => (23, 0),
            Op::Isb => (24, 0),
            Op::ReadFaults(register) => (32, register as u64),
            Op::ClearFaults(register) => (33, register as u64),
            Op::SetTco(masked) => (34, masked as u64),
            Op::SetTagChecks(checks) => (35, checks),
            Op::Dsb => (36, 0),
            Op::ChangeMdscr(changed, to) => (31, u64::from(changed) << 16 | u64::from(to)),
            Op::SetPoint(kind, owner) => (40, (kind as u64) << 8 | owner as u64),
            Op::ReadPmr => (25, 0),
            Op::SetPmr(priority) => (26, u64::from(priority)),
            Op::ReadAllInt => (27, 0),
            Op::WriteAllInt(allint) => (28, u64::from(allint)),
            Op::ReadRpr => (29, 0),
            Op::ReadIsr => (30, 0),
        };
        kind << 56 ^ detail
    }
}

/// Names are told apart by what they say, so that one state has one key in every build and thread.
fn name_code(name: &str) -> u64 {
    let mix = |code: u64, byte: u8| (code ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix) >> 8
}

/// By their numbers in [`Op::ReadFaults`].
const FAULTS: [&str; 2] = ["TFSRE0", "TFSR"];

fn mdscr(changed: u16, to: u16) -> String {
    let names = [(MDSCR_SS, "SS"), (MDE, "MDE"), (KDE, "KDE")].map(|(bit, name)| (bit as u16, name));
    let changes = names.iter().filter(|(bit, _)| changed & bit != 0);
    changes.map(|(bit, name)| format!("{name} := {}", u8::from(to & bit != 0))).collect::<Vec<_>>().join(", ")
}

/// D, A, I, F as letters, a dot for each that is open.
pub fn masks(daif: u8) -> String {
    "DAIF".chars().zip([8, 4, 2, 1]).map(|(letter, bit)| if daif & DAIF & bit != 0 { letter } else { '.' }).collect()
}

/// A priority mask by what it means.
pub fn priority(pmr: u8) -> String {
    match u64::from(pmr) {
        OPEN => "open".into(),
        OFF => "off".into(),
        other => format!("{other:#x}"),
    }
}

const FIELDS: [&str; 7] = ["sp", "pc", "pstate", "syndrome", "fault_address", "syscall", "first_argument"];

fn field(offset: u8) -> String {
    match offset {
        0..31 => format!("frame.x{offset}"),
        _ => format!("frame.{}", FIELDS.get(usize::from(offset) - 31).unwrap_or(&"?")),
    }
}

fn cell(of: Cell) -> String {
    match of {
        Cell::Word(task) => format!("{}.word", crate::world::TASK_NAMES[task]),
        Cell::ThreadCpu => "task.cpu".into(),
        Cell::Tags(task) => format!("{}.tags", crate::world::TASK_NAMES[task]),
        Cell::Step(task) => format!("{}.armed", crate::world::TASK_NAMES[task]),
        Cell::LoadedBy(task) => format!("{}.fpsimd", crate::world::TASK_NAMES[task]),
        Cell::FpsimdOf => "cpu.fpsimd".into(),
        Cell::Watching => "watching".into(),
        Cell::Nesting => "nesting".into(),
        Cell::Belief => "belief".into(),
    }
}

fn bits(value: u64) -> String {
    let flags = [(32, "resched"), (33, "resched-lazy"), (34, "signal"), (35, "notify-resume"), (63, "idle")];
    let mut names: Vec<_> =
        flags.iter().filter(|(bit, _)| value >> bit & 1 != 0).map(|(_, name)| (*name).to_string()).collect();
    if value >> 36 & 0xfff != 0 {
        names.push("other".into());
    }
    names.join("+")
}

fn counts(added: u64) -> String {
    let (sign, value) = if added >> 63 == 0 { ('+', added) } else { ('-', added.wrapping_neg()) };
    let fields = [("preempt", 0, 0xff), ("softirq", 8, 0xff), ("hardirq", 16, 0xf), ("nmi", 20, 0xf)];
    let named = fields.iter().filter(|(_, shift, mask)| value >> shift & mask != 0);
    named.map(|(name, ..)| format!("{sign}{name}")).collect::<Vec<_>>().join(" ")
}

fn armed(value: u64) -> String {
    let names = ["stepped", "breakpoints", "watchpoints", "breakpoints suspended", "watchpoints suspended"];
    let set: Vec<_> =
        names.iter().enumerate().filter(|(bit, _)| value >> bit & 1 != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "nothing".into() } else { set.join(" + ") }
}

fn stored(of: Cell, value: u64) -> String {
    match of {
        Cell::Belief => ["off", "prepared", "on"].get(value as usize).copied().unwrap_or("?").into(),
        Cell::Nesting => match value.checked_sub(1 << 62) {
            Some(0) => "kernel".into(),
            Some(nested) => format!("kernel+{nested}"),
            None => value.to_string(),
        },
        Cell::Step(_) => armed(value),
        Cell::LoadedBy(_) => "loaded here".into(),
        Cell::FpsimdOf => "this task".into(),
        _ => format!("{value:#x}"),
    }
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Op::ReadDaif => write!(f, "read DAIF"),
            Op::WriteDaif(to) => write!(f, "write DAIF {}", masks(to)),
            Op::DaifSet(set) => write!(f, "DAIFSet {}", masks(set).replace('.', "")),
            Op::DaifClear(cleared) => write!(f, "DAIFClr {}", masks(cleared).replace('.', "")),
            Op::ReadPmr => write!(f, "read PMR"),
            Op::SetPmr(to) => write!(f, "write PMR {}", priority(to)),
            Op::ReadAllInt => write!(f, "read ALLINT"),
            Op::WriteAllInt(to) => write!(f, "write ALLINT {}", u8::from(to)),
            Op::ReadRpr => write!(f, "read RPR"),
            Op::ReadIsr => write!(f, "read ISR"),
            Op::ReadBank(bank) => write!(f, "read {bank:?}"),
            Op::WriteBank(bank) => write!(f, "write {bank:?}"),
            Op::ReadField(of) => write!(f, "read {}", field(of)),
            Op::WriteField(of) => write!(f, "write {}", field(of)),
            Op::Load(of) => write!(f, "load {}", cell(of)),
            Op::Store(of, value) => write!(f, "{} := {}", cell(of), stored(of, value)),
            Op::Add(Cell::Watching, _) => write!(f, "watching flips"),
            Op::Add(of, added) => write!(f, "{} {}", cell(of), counts(added)),
            Op::Set(of, set) => write!(f, "{} sets {}", cell(of), bits(set)),
            Op::Clear(of, cleared) => write!(f, "{} clears {}", cell(of), bits(cleared)),
            Op::ReadSp => write!(f, "read SP"),
            Op::Stack(stack) => write!(f, "to the {stack:?} stack"),
            Op::Switched(task) => write!(f, "{} runs", crate::world::TASK_NAMES[task]),
            Op::StoreFpsimd => write!(f, "stores V0 to V31"),
            Op::LoadFpsimd => write!(f, "loads V0 to V31"),
            Op::ReadFaults(register) => write!(f, "read {}", FAULTS[register]),
            Op::ClearFaults(register) => write!(f, "{} := 0", FAULTS[register]),
            Op::SetTco(masked) => write!(f, "TCO := {}", u8::from(masked)),
            Op::SetTagChecks(checks) => write!(f, "TCF0 := {checks}"),
            Op::Dsb => write!(f, "DSB"),
            Op::ChangeMdscr(changed, to) => write!(f, "MDSCR.{}", mdscr(changed, to)),
            Op::SetPoint(kind, owner) => write!(f, "{kind:?} := {owner:?}"),
            Op::Isb => write!(f, "ISB"),
            Op::Wait => write!(f, "WFI"),
            Op::Kernel(what) => write!(f, "{what}"),
            Op::Gic(what) => write!(f, "GIC: {what}"),
            Op::Take(exception) => write!(f, "takes {exception}"),
            Op::Return => write!(f, "ERET"),
        }
    }
}
