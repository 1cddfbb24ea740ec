//! The handlers are what a hand-written sequence without types compiles to, instruction for instruction.
//!
//! `same-code` has them twice. Each is compiled alone, because the compiler merges functions that are the same; then every
//! pair is compared, from the tables of entries on. Two instructions are the same if their words are, if they stand at the
//! same place, and if they refer to the same: one hook, equal bytes, or functions that are a pair themselves.

use std::collections::{BTreeSet, HashSet};
use std::{fmt, fs};

use anyhow::{Context, Result, ensure};

use super::object_code::{Function, Instruction, Object, Refers};
use crate::toolchain::{TARGET, Toolchain};
use crate::{build, process, workspace};

/// How they are compiled. Not at -Oz, where the smallest functions are not inlined, by hand or not.
const LEVELS: &[&str] = &["2", "3", "s"];

/// The tables of entries that both have.
const TABLES: &[&str] = &["ENTRIES", "FIRST"];

/// Compares them at each level, prints how many are the same, and says what is wrong.
pub fn check(toolchain: &Toolchain) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for level in LEVELS {
        let (library, hand) = (compile(toolchain, "by-library", level)?, compile(toolchain, "by-hand", level)?);
        let pairs = pairs(&library, &hand)?;
        let (same, different): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.is_same(&pairs));
        let instructions: usize = same.iter().map(|pair| pair.library.instructions.len()).sum();
        println!("-O{level}: {} of {} functions as by hand, {instructions} instructions", same.len(), pairs.len());
        wrong.extend(judge(level, &different, &pairs).into_iter().map(|text| format!("-O{level}: {text}")));
        wrong.extend(escapes(&library, &hand).iter().map(|escape| format!("-O{level}, without LTO: {escape}")));
    }
    Ok(wrong)
}

/// Blocks of the same code in another order, with a jump more or less: at that level, of that function by hand, so many
/// variants. All of these are of `AllInt`, where an NMI is acknowledged by a register of its own, and what finds that none is
/// left goes on where an interrupt does that was withdrawn: the compiler sees that at one of them and not at the other.
const LAID_OUT_OTHERWISE: &[(&str, &str, usize)] = &[
    ("2", "interrupts::interrupt_here", 2),
    ("2", "interrupts::interrupt_there", 2),
    ("3", "interrupts::interrupt_here", 2),
    ("3", "interrupts::interrupt_there", 2),
];

/// What is wrong with those that differ: everything, unless exactly as many are excused.
fn judge(level: &str, different: &[&Pair<'_>], pairs: &[Pair<'_>]) -> Vec<String> {
    let excuses = || LAID_OUT_OTHERWISE.iter().filter(|(at, ..)| *at == level);
    let many = |of: &str| different.iter().filter(|pair| pair.hand.name.ends_with(of)).count();
    let excused =
        |pair: &&Pair<'_>| excuses().any(|(_, of, excused)| pair.hand.name.ends_with(of) && many(of) == *excused);
    let wrong = different.iter().copied().filter(|pair| !excused(pair)).map(|pair| pair.describe(pairs));
    let stale = excuses().filter(|(_, of, excused)| many(of) < *excused);
    wrong.chain(stale.map(|(_, of, excused)| format!("{excused} of {of} need not be excused"))).collect()
}

/// A call that leaves entry text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Escape {
    caller: String,
    called: String,
}

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls {}, which is not entry text", self.caller, self.called)
    }
}

/// Calls that leave entry text and are no hooks: none that the handlers by hand call. As they are compiled in a kernel that
/// does not optimise across crates.
fn escapes(library: &Object, hand: &Object) -> BTreeSet<Escape> {
    let hooks: HashSet<_> = hand.functions.iter().flat_map(Function::hooks).collect();
    let mut escapes = BTreeSet::new();
    for caller in library.functions.iter().filter(|function| function.section == ENTRY_TEXT) {
        let called = caller.called().into_iter().map(|number| &library.functions[number]);
        let outside = called.filter(|called| called.section != ENTRY_TEXT && !called.name.ends_with(BODY));
        let outside = outside.map(|called| called.name.clone());
        let elsewhere = caller.hooks().filter(|hook| !hooks.contains(hook));
        let elsewhere = elsewhere.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
        escapes.extend(outside.chain(elsewhere).map(|called| Escape { caller: caller.name.clone(), called }));
    }
    escapes
}

const ENTRY_TEXT: &str = ".noinstr.text";
/// Soft interrupts run in the body's context.
const BODY: &str = "hardirq::run_softirqs";

/// Compiles one of the two, alone and for itself.
fn compile(toolchain: &Toolchain, feature: &str, level: &str) -> Result<Object> {
    let object = workspace::root().join("target").join(TARGET).join("same-code").join(format!("{feature}-O{level}.o"));
    fs::create_dir_all(object.parent().expect("it was just joined"))?;
    let level = if level.parse::<u8>().is_ok() { level.to_owned() } else { format!("{level:?}") };
    let mut rustc = build::cargo(toolchain, "rustc");
    rustc.args([
        "--quiet",
        "--release",
        "--package",
        "same-code",
        "--lib",
        "--no-default-features",
        "--features",
        feature,
    ]);
    rustc.args(["--config", "profile.release.lto='off'"]).arg(format!("--config=profile.release.opt-level={level}"));
    rustc.arg("--").arg(format!("--emit=obj={}", object.display()));
    process::run(&mut rustc)?;
    let bytes = fs::read(&object).with_context(|| format!("cannot read {}", object.display()))?;
    Object::read(&bytes, TABLES).with_context(|| format!("cannot compare {}", object.display()))
}

/// A function of the library's and the one by hand that stands for it.
struct Pair<'a> {
    library: &'a Function,
    hand: &'a Function,
    /// The numbers of these two.
    numbers: (usize, usize),
}

/// The entries, and what is called from the same place in a pair.
fn pairs<'a>(library: &'a Object, hand: &'a Object) -> Result<Vec<Pair<'a>>> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut pending = Vec::new();
    for name in TABLES {
        let (library, hand) = (&library.tables[*name], &hand.tables[*name]);
        ensure!(library.len() == hand.len() && !library.is_empty(), "{name} has {} and {}", library.len(), hand.len());
        pending.extend(library.iter().copied().zip(hand.iter().copied()));
    }
    pending.reverse();
    let mut seen = HashSet::new();
    while let Some(numbers) = pending.pop() {
        if !seen.insert(numbers.0) {
            continue; // If it is another's pair too, its caller is not the same.
        }
        let pair = Pair { library: &library.functions[numbers.0], hand: &hand.functions[numbers.1], numbers };
        pending.extend(pair.called());
        pairs.push(pair);
    }
    Ok(pairs)
}

impl Pair<'_> {
    /// The functions that both refer to, in the order in which they do.
    fn called(&self) -> Vec<(usize, usize)> {
        let (library, hand) = (self.library.called(), self.hand.called());
        // Where they part, nobody knows which is for which.
        let alike = self.library.instructions.len() == self.hand.instructions.len();
        if alike { library.into_iter().zip(hand).collect() } else { Vec::new() }
    }

    fn is_same(&self, pairs: &[Pair<'_>]) -> bool {
        self.library.instructions.len() == self.hand.instructions.len() && self.first_difference(pairs).is_none()
    }

    /// The first instruction that is not the same.
    fn first_difference(&self, pairs: &[Pair<'_>]) -> Option<usize> {
        let (library, hand) = (&self.library.instructions, &self.hand.instructions);
        let differ = |(library, hand): (&Instruction, &Instruction)| {
            library.word != hand.word || !same_target(library.refers.as_ref(), hand.refers.as_ref(), pairs)
        };
        library.iter().zip(hand).position(differ)
    }

    fn describe(&self, pairs: &[Pair<'_>]) -> String {
        let (library, hand) = (self.library.instructions.len(), self.hand.instructions.len());
        let first = self.first_difference(pairs).unwrap_or(library.min(hand));
        format!(
            "{} has {library} instructions and {} has {hand}; they part at {:#x}",
            self.library.name,
            self.hand.name,
            first * 4
        )
    }
}

fn same_target(library: Option<&Refers>, hand: Option<&Refers>, pairs: &[Pair<'_>]) -> bool {
    match (library, hand) {
        (Some(Refers::Function(library, into)), Some(Refers::Function(hand, by_hand_into))) => {
            into == by_hand_into && pairs.iter().any(|pair| pair.numbers == (*library, *hand))
        }
        _ => library == hand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that call a hook, use a constant, and call a second function; that one branches.
    fn object(hook: &str, bytes: &[u8], branch: u32, section: &str) -> Object {
        let refers = |word, refers| Instruction { word, refers: Some(refers) };
        let entry = vec![
            refers(0x9400_0000, Refers::Hook(hook.into())),
            refers(0x9000_0000, Refers::Bytes(bytes.into())),
            refers(0x9400_0000, Refers::Function(1, 0)),
        ];
        let second = vec![Instruction { word: branch, refers: None }];
        let function = |name: &str, section: &str, instructions| Function {
            name: name.into(),
            section: section.into(),
            instructions,
        };
        Object {
            functions: vec![function("entry", ENTRY_TEXT, entry), function("second", section, second)],
            tables: TABLES.iter().map(|name| ((*name).to_owned(), vec![0])).collect(),
        }
    }

    /// The library's functions that are not as by hand.
    fn different(library: &Object, hand: &Object) -> Vec<String> {
        let pairs = pairs(library, hand).unwrap();
        pairs.iter().filter(|pair| !pair.is_same(&pairs)).map(|pair| pair.library.name.clone()).collect()
    }

    #[test]
    fn the_same_is_the_same_and_nothing_else_is() {
        let library = object("body", b"name", 0x1400_0004, ENTRY_TEXT);
        let against = |hook, bytes, branch| different(&library, &object(hook, bytes, branch, ENTRY_TEXT));
        assert!(against("body", b"name", 0x1400_0004).is_empty());
        assert_eq!(against("other", b"name", 0x1400_0004), ["entry"]);
        assert_eq!(against("body", b"game", 0x1400_0004), ["entry"]);
        assert_eq!(against("body", b"name", 0x1400_0008), ["second"]);
    }

    #[test]
    fn a_call_that_leaves_entry_text_is_told() {
        let escapes = |hook, section| {
            let escapes = escapes(&object(hook, b"", 0, section), &object("body", b"", 0, ENTRY_TEXT));
            escapes.iter().map(Escape::to_string).collect::<Vec<_>>()
        };
        assert!(escapes("body", ENTRY_TEXT).is_empty());
        assert_eq!(escapes("body", ".text"), ["entry calls second, which is not entry text"]);
        assert_eq!(escapes("memcpy", ENTRY_TEXT), ["entry calls memcpy, which is not entry text"]);
    }
}
