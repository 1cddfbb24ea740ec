//! The names of the words that the port and the generic half keep in memory, and of what is in them.

/// A word in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A task's counts and flags.
    Word(&'static str),
    /// A task's pointer to its CPU.
    ThreadCpu,
    /// Whether a task is stepped.
    Stepped,
    /// How a task's tags are checked.
    TagChecks,
    /// The CPU that loaded a task's FP/SIMD registers last.
    LoadedBy,
    /// The task whose registers the CPU loaded last.
    FpsimdOf,
    /// Context tracking: odd while watching.
    Watching,
    /// Context tracking: how deep.
    Nesting,
    /// What tracing believes of interrupts.
    Belief,
}

impl Cell {
    pub fn name(self) -> String {
        match self {
            Cell::Word("") => "word".into(),
            Cell::Word(task) => format!("{task}'s word"),
            Cell::ThreadCpu => "thread.cpu".into(),
            Cell::Stepped => "thread.step".into(),
            Cell::TagChecks => "thread.tags".into(),
            Cell::LoadedBy => "thread.fpsimd.loaded_by".into(),
            Cell::FpsimdOf => "cpu.fpsimd_of".into(),
            Cell::Watching => "watching".into(),
            Cell::Nesting => "nesting".into(),
            Cell::Belief => "belief".into(),
        }
    }

    /// Its value, as text.
    pub fn value(self, value: u64) -> String {
        match self {
            Cell::Watching => if value & 1 != 0 { "yes" } else { "no" }.into(),
            Cell::Nesting => nesting(value),
            Cell::Belief => belief(value).into(),
            Cell::LoadedBy => ["none", "nowhere"].get(value as usize).copied().unwrap_or("this CPU").into(),
            Cell::Stepped => if value != 0 { "yes" } else { "no" }.into(),
            Cell::FpsimdOf => "a task".into(),
            Cell::Word(_) | Cell::ThreadCpu | Cell::TagChecks => format!("{value:#x}"),
        }
    }
}

fn nesting(value: u64) -> String {
    const IN_KERNEL: u64 = 1 << 62;
    match value.checked_sub(IN_KERNEL) {
        Some(0) => "kernel".into(),
        Some(nested) => format!("kernel+{nested}"),
        None => value.to_string(),
    }
}

fn belief(value: u64) -> &'static str {
    ["off", "prepared", "on"].get(value as usize).copied().unwrap_or("nonsense")
}

/// What is added to a task's word.
pub fn counts(added: u64) -> String {
    let (sign, counts) = if added >> 63 == 0 { ('+', added) } else { ('-', added.wrapping_neg()) };
    let fields = [("preempt", 0, 8), ("softirq", 8, 8), ("hardirq", 16, 4), ("nmi", 20, 4)];
    fields
        .into_iter()
        .filter(|(_, shift, width)| counts >> shift & ((1 << width) - 1) != 0)
        .map(|(name, ..)| format!("{sign}{name}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Flags of a task's word.
pub fn flags(bits: u64) -> String {
    let known = [
        (1 << 32, "resched"),
        (1 << 33, "resched-lazy"),
        (1 << 34, "signal"),
        (1 << 35, "notify-resume"),
        (vestibule_arm64::tags::FAULT.bits(), "tag-fault"),
        (0xfff << 36 & !vestibule_arm64::tags::FAULT.bits(), "other"),
    ];
    known.into_iter().filter(|(flag, _)| bits & flag != 0).map(|(_, name)| name).collect::<Vec<_>>().join(" ")
}

/// D, A, I and F, as DAIFSet names them.
pub fn masks(bits: u32) -> String {
    letters(bits).filter(|letter| *letter != '.').collect()
}

/// The same, with a dot for each that is open.
pub fn daif(bits: u32) -> String {
    letters(bits).collect()
}

fn letters(bits: u32) -> impl Iterator<Item = char> {
    "DAIF".chars().zip([8, 4, 2, 1]).map(move |(letter, bit)| if bits & bit != 0 { letter } else { '.' })
}
