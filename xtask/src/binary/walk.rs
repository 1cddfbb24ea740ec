//! The walk: every path from an exception vector to ERET, through the machine code, with what is promised of each
//! instruction on the way.
//!
//! ```text
//!   Entering --opens a mask--> Body --DAIFSet 15--> Exiting --ELR, SPSR written--> Returning --ERET-->
//!      |                        ^                     | |
//!      |                        +----opens a mask-----+ |        Elsewhere: ordinary code that Body calls; there
//!      +-----------ELR, SPSR written (BRK)--------------+        only whether it comes back is of interest
//! ```
//!
//! A function is walked once for each phase that it is called in, and comes back in the phases that its own paths end in.
//! Whether a call comes back at all is found out the same way, so that nothing is believed of functions that never do.

use std::collections::{BTreeSet, HashMap, HashSet};

use vestibule_counter::control::{Flow, MaskWrite, flow, mask_write, reads, writes};

use super::code::Code;

/// How far the exception has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Everything masked since the vector.
    Entering,
    /// A mask has been opened.
    Body,
    /// Everything is masked again.
    Exiting,
    /// The return state is in ELR and SPSR.
    Returning,
    /// In ordinary code that the body calls.
    Elsewhere,
    /// The idle task waits: it is called, and comes back.
    Unwatched,
}

impl Phase {
    /// Nothing may be called that is not entry text.
    fn is_strict(self) -> bool {
        matches!(self, Self::Entering | Self::Exiting | Self::Returning | Self::Unwatched)
    }
}

/// What must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Ordinary code runs, or is called, where only entry text may.
    OrdinaryCode,
    /// BR or BLR where only entry text may run: nobody knows what it calls.
    Indirect,
    /// BRK, UDF, SVC and their kin where only entry text may run.
    Exception,
    /// A branch that the decoder does not know.
    UnknownBranch,
    /// A mask is written where nobody may: the priority mask before anything opens, or with the return state in ELR and SPSR; any
    /// while nobody watches.
    UnknownMask,
    /// ELR, SPSR, ESR or FAR is read after a mask was opened: another exception may have overwritten it.
    LateSyndrome,
    /// ELR or SPSR is written before everything is masked: another exception may overwrite it.
    EarlyReturnState,
    /// A mask is opened after ELR or SPSR was written.
    OpensReturning,
    /// ERET, and ELR and SPSR were not written since everything was masked.
    NotReturning,
    /// RET, and there is no caller.
    NoCaller,
}

/// One breach of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Breach {
    pub rule: Rule,
    pub phase: Phase,
    pub at: u64,
    /// Where a call or jump goes.
    pub to: Option<u64>,
}

/// A call or jump from entry text to ordinary code.
pub type CallOut = (Phase, u64, u64);

/// What the walk saw.
#[derive(Default)]
pub struct Seen {
    pub breaches: BTreeSet<Breach>,
    pub calls_out: BTreeSet<CallOut>,
    /// Entry text's instructions that can run between vector and ERET.
    pub reached: BTreeSet<u64>,
    pub direct_calls: BTreeSet<u64>,
    pub indirect: BTreeSet<u64>,
    pub exception_returns: BTreeSet<u64>,
    comes_back: HashSet<u64>,
}

impl Seen {
    /// Can the ordinary function at `address` return?
    pub fn comes_back(&self, address: u64) -> bool {
        self.comes_back.contains(&address)
    }
}

/// Walks from each of `roots` in its phase.
pub fn walk(code: &Code, roots: &[(u64, Phase)]) -> Seen {
    let mut walk = Walk {
        code,
        roots: roots.iter().map(|(address, _)| *address).collect(),
        seen: Seen::default(),
        visited: HashSet::new(),
        pending: Vec::new(),
        returns: HashMap::new(),
        waiting: HashMap::new(),
    };
    for &(address, phase) in roots {
        walk.visit(Point { call: Call { function: address, phase }, at: address, phase });
    }
    while let Some(point) = walk.pending.pop() {
        walk.step(point);
    }
    walk.seen
}

/// A function, called in a phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Call {
    function: u64,
    phase: Phase,
}

/// An instruction about to run.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Point {
    call: Call,
    at: u64,
    phase: Phase,
}

/// Who goes on when a call comes back.
#[derive(Clone, Copy)]
struct Waiter {
    call: Call,
    /// At this instruction; without one (a tail call) it comes back itself.
    at: Option<u64>,
    /// In this phase; without one, in the phase that the call comes back in.
    phase: Option<Phase>,
}

struct Walk<'a> {
    code: &'a Code,
    roots: HashSet<u64>,
    seen: Seen,
    visited: HashSet<Point>,
    pending: Vec<Point>,
    returns: HashMap<Call, Vec<Phase>>,
    waiting: HashMap<Call, Vec<Waiter>>,
}

impl Walk<'_> {
    fn visit(&mut self, point: Point) {
        if self.visited.insert(point) {
            self.pending.push(point);
        }
    }

    fn breach(&mut self, rule: Rule, point: Point, to: Option<u64>) {
        self.seen.breaches.insert(Breach { rule, phase: point.phase, at: point.at, to });
    }

    fn is_entry(&self, address: u64) -> bool {
        self.code.entry().contains(&address)
    }

    fn step(&mut self, point: Point) {
        let Some(word) = self.code.word(point.at) else {
            self.breach(Rule::UnknownBranch, point, None);
            return;
        };
        if point.phase == Phase::Elsewhere {
            self.go_elsewhere(point, word);
            return;
        }
        if self.is_entry(point.at) {
            self.seen.reached.insert(point.at);
        } else if point.phase.is_strict() {
            self.breach(Rule::OrdinaryCode, point, None);
        }
        let phase = self.registers(point, word);
        self.go(Point { phase, ..point }, word);
    }

    /// What `word` does to masks and return state, and the phase that follows.
    fn registers(&mut self, point: Point, word: u32) -> Phase {
        if reads(word).is_some() && point.phase != Phase::Entering {
            self.breach(Rule::LateSyndrome, point, None);
        }
        if writes(word).is_some() {
            if point.phase == Phase::Body {
                self.breach(Rule::EarlyReturnState, point, None);
            }
            return Phase::Returning;
        }
        match mask_write(word) {
            None => point.phase,
            Some(_) if point.phase == Phase::Unwatched => {
                self.breach(Rule::UnknownMask, point, None);
                point.phase
            }
            Some(MaskWrite::Set(15)) if point.phase == Phase::Body => Phase::Exiting,
            Some(MaskWrite::Set(_) | MaskWrite::AllintSet) => point.phase,
            // Where it opens, DAIF still masks; where it closes, DAIF does already (C93).
            Some(MaskWrite::Priority) if matches!(point.phase, Phase::Body | Phase::Exiting) => point.phase,
            Some(MaskWrite::Priority) => {
                self.breach(Rule::UnknownMask, point, None);
                point.phase
            }
            Some(MaskWrite::Clear(_) | MaskWrite::Register | MaskWrite::AllintClear | MaskWrite::AllintRegister) => {
                if point.phase == Phase::Returning {
                    self.breach(Rule::OpensReturning, point, None);
                }
                Phase::Body
            }
        }
    }

    /// Goes on after an instruction that runs between vector and ERET.
    fn go(&mut self, point: Point, word: u32) {
        let there = |distance: i64| point.at.wrapping_add_signed(distance);
        let next = point.at + 4;
        match flow(word) {
            Flow::Next => self.visit(Point { at: next, ..point }),
            Flow::Jump(distance) => self.jump(point, there(distance)),
            Flow::Branch(distance) => {
                self.jump(point, there(distance));
                self.visit(Point { at: next, ..point });
            }
            Flow::Call(distance) => {
                self.seen.direct_calls.insert(point.at);
                self.call(point, there(distance), Some(next));
            }
            Flow::IndirectCall | Flow::IndirectJump => self.indirect(point, word),
            Flow::Return if self.roots.contains(&point.call.function) && point.phase != Phase::Unwatched => {
                self.breach(Rule::NoCaller, point, None);
            }
            Flow::Return => self.come_back(point.call, point.phase),
            Flow::ExceptionReturn => {
                self.seen.exception_returns.insert(point.at);
                if point.phase != Phase::Returning {
                    self.breach(Rule::NotReturning, point, None);
                }
            }
            // An exception of the body's is handled, and the body goes on.
            Flow::Exception if point.phase == Phase::Body => self.visit(Point { at: next, ..point }),
            Flow::Exception => self.breach(Rule::Exception, point, None),
            Flow::Unknown => self.breach(Rule::UnknownBranch, point, None),
        }
    }

    fn jump(&mut self, point: Point, to: u64) {
        if self.is_entry(point.at) && !self.is_entry(to) {
            self.call(point, to, None);
        } else {
            self.visit(Point { at: to, ..point });
        }
    }

    /// A call that goes on at `next`, or a tail call.
    fn call(&mut self, point: Point, to: u64, next: Option<u64>) {
        let Point { call, phase, at } = point;
        if self.is_entry(to) {
            self.wait(Call { function: to, phase }, Waiter { call, at: next, phase: None });
            return;
        }
        if self.is_entry(at) {
            self.seen.calls_out.insert((phase, at, to));
        }
        if phase.is_strict() {
            self.breach(Rule::OrdinaryCode, point, Some(to));
        }
        self.wait(Call { function: to, phase: Phase::Elsewhere }, Waiter { call, at: next, phase: Some(phase) });
    }

    fn indirect(&mut self, point: Point, word: u32) {
        self.seen.indirect.insert(point.at);
        if point.phase.is_strict() {
            self.breach(Rule::Indirect, point, None);
        }
        if flow(word) == Flow::IndirectCall {
            self.visit(Point { at: point.at + 4, ..point });
        } else if point.phase == Phase::Body {
            // Where to is not known: a tail call is taken to come back, and a jump table's targets would stay unseen.
            self.breach(Rule::UnknownBranch, point, None);
        }
    }

    /// Ordinary code: all that counts is whether it comes back. What is not known is taken to.
    fn go_elsewhere(&mut self, point: Point, word: u32) {
        let there = |distance: i64| point.at.wrapping_add_signed(distance);
        let next = Point { at: point.at + 4, ..point };
        match flow(word) {
            Flow::Next | Flow::IndirectCall => self.visit(next),
            Flow::Jump(distance) => self.visit(Point { at: there(distance), ..point }),
            Flow::Branch(distance) => {
                self.visit(Point { at: there(distance), ..point });
                self.visit(next);
            }
            Flow::Call(distance) => {
                let call = Call { function: there(distance), phase: Phase::Elsewhere };
                self.wait(call, Waiter { call: point.call, at: Some(next.at), phase: None });
            }
            Flow::Return | Flow::IndirectJump => self.come_back(point.call, Phase::Elsewhere),
            // UDF and the BRK that ends what cannot go on are never stepped over.
            Flow::Exception if word >> 16 == 0 || word == BRK_1 => {}
            Flow::Exception => self.visit(next),
            Flow::ExceptionReturn | Flow::Unknown => {}
        }
    }

    fn wait(&mut self, call: Call, waiter: Waiter) {
        self.waiting.entry(call).or_default().push(waiter);
        self.visit(Point { call, at: call.function, phase: call.phase });
        for phase in self.returns.get(&call).cloned().unwrap_or_default() {
            self.resume(waiter, phase);
        }
    }

    fn come_back(&mut self, call: Call, phase: Phase) {
        let phases = self.returns.entry(call).or_default();
        if phases.contains(&phase) {
            return;
        }
        phases.push(phase);
        if phase == Phase::Elsewhere {
            self.seen.comes_back.insert(call.function);
        }
        for waiter in self.waiting.get(&call).cloned().unwrap_or_default() {
            self.resume(waiter, phase);
        }
    }

    fn resume(&mut self, waiter: Waiter, phase: Phase) {
        let phase = waiter.phase.unwrap_or(phase);
        match waiter.at {
            Some(at) => self.visit(Point { call: waiter.call, at, phase }),
            None => self.come_back(waiter.call, phase),
        }
    }
}

/// What the compiler ends a path with that cannot be gone on.
const BRK_1: u32 = 0xd420_0020;
