//! Context tracking: every small tree of exceptions from user mode, from the kernel and from the idle task's wait, with
//! an NMI after every access to memory.
//!
//! The machine has no NMIs of its own. Here it gets a class for them, which the port need not know.

use crate::kernel::{Call, ToyKernel, broken, call, fault, interrupt, user_interrupt};
use crate::port::{Frame, ToyPort, access_is_over, at_access, at_wait, boot, first, happened};
use crate::port::{is_masked, reset_state, run_as, set_mask, state, take};
use vestibule::{Class, ContextTracking, Critical, NmiLike, Restored, Taken, TaskWord, Tracked};

enum Nmi {}
impl Class for Nmi {
    const NAME: &'static str = "nmi";
    type Body = Critical;
    type Counts = NmiLike;
}

fn nmi(taken: Taken<'_, ToyPort, Nmi>, body: impl FnOnce()) -> Restored<'_, ToyPort, Nmi> {
    let x = taken.enter().open();
    let x = x.run(|cpu, _| {
        body();
        cpu
    });
    x.mask().restore()
}

fn watching() -> bool {
    <Tracked as ContextTracking<ToyKernel>>::watching()
}

/// An exception and what comes in its body, in order.
#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    inner: [Option<Kind>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    UserInterrupt,
    Fault,
    Interrupt,
    Nmi,
}

impl Kind {
    /// What may come in the body of one.
    fn inner(self) -> &'static [Kind] {
        match self {
            Kind::Call => &[Kind::Fault, Kind::Interrupt, Kind::Nmi],
            Kind::Fault | Kind::UserInterrupt | Kind::Interrupt => &[Kind::Fault, Kind::Nmi],
            Kind::Nmi => &[Kind::Nmi],
        }
    }

    /// Takes one, and in its body `inner`.
    fn take(self, inner: &[Option<Kind>]) {
        let before = watching();
        let mut frame = Frame::of_code_with(!is_masked());
        let inner = || {
            assert!(watching(), "the body of {self:?} is watched");
            inner.iter().flatten().for_each(|kind| kind.take(&[]));
            assert!(watching(), "the body of {self:?} is watched to its end");
        };
        match self {
            Kind::Call => take(&mut frame, |taken| call(taken, |cpu, _| with(cpu, inner))),
            Kind::UserInterrupt => take(&mut frame, |taken| user_interrupt(taken, |cpu, _| with(cpu, inner))),
            Kind::Fault => take(&mut frame, |taken| fault(taken, |cpu, _| with(cpu, inner))),
            Kind::Interrupt => take(&mut frame, |taken| interrupt(taken, |cpu, _| with(cpu, inner))),
            Kind::Nmi => take(&mut frame, |taken| nmi(taken, inner)),
        }
        assert_eq!(watching(), before, "{self:?} leaves tracking as it was");
    }
}

fn with<Token>(token: Token, body: impl FnOnce()) -> Token {
    body();
    token
}

/// Each of `kinds`, with none, one or two of what may come in it.
fn nodes(kinds: &[Kind]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for kind in kinds {
        let inner: Vec<Option<Kind>> = kind.inner().iter().copied().map(Some).chain([None]).collect();
        for first in &inner {
            nodes.extend(inner.iter().map(|second| Node { kind: *kind, inner: [*first, *second] }));
        }
    }
    nodes
}

/// Runs `scenario`, then again and again with an NMI after each access to memory that it makes.
fn everywhere(what: impl Fn() -> String, scenario: impl Fn()) {
    run(&what, &scenario);
    for access in 0.. {
        reset_state();
        at_access(access, || Kind::Nmi.take(&[]));
        run(&what, &scenario);
        if !access_is_over() {
            return;
        }
    }
}

fn run(what: &impl Fn() -> String, scenario: &impl Fn()) {
    reset_state();
    set_mask(true);
    broken();
    scenario();
    happened();
    // A machine with one mask cannot tell `NoIrq` from `Critical`: C25 is no news.
    let broken: Vec<_> = broken().into_iter().filter(|broken| broken.constraint != 25).collect();
    assert_eq!(broken, [], "{}", what());
}

/// Two exceptions of user mode, one after the other.
#[test]
fn user_mode() {
    let nodes = nodes(&[Kind::Call, Kind::UserInterrupt, Kind::Nmi]);
    for one in &nodes {
        for other in &nodes {
            everywhere(
                || format!("{one:?}, {other:?}"),
                || {
                    first::<Call>(boot(), &mut Frame::of_code_with(true));
                    for node in [one, other] {
                        assert!(!watching(), "nobody watches user mode");
                        let asleep = state().snapshot();
                        node.kind.take(&node.inner);
                        assert!(state().snapshot() != asleep, "whoever looks sees that it ran");
                    }
                    assert!(!watching(), "nobody watches user mode");
                },
            );
        }
    }
}

/// Two exceptions of the kernel, in a task and in the idle task outside its wait.
#[test]
fn kernel_mode() {
    let nodes = nodes(&[Kind::Fault, Kind::Interrupt, Kind::Nmi]);
    for word in [TaskWord::new, TaskWord::idle] {
        for one in &nodes {
            for other in &nodes {
                everywhere(
                    || format!("{one:?}, {other:?}"),
                    || {
                        run_as(word());
                        let _cpu = boot();
                        let awake = state().snapshot();
                        one.kind.take(&one.inner);
                        other.kind.take(&other.inner);
                        assert_eq!(state().snapshot(), awake, "the kernel never sleeps");
                    },
                );
            }
        }
    }
}

thread_local! {
    static IN_WAIT: std::cell::Cell<Option<Node>> = const { std::cell::Cell::new(None) };
}

/// One exception in the idle task's wait. A fault there is an accident, and still leaves tracking as it was.
#[test]
fn idle_wait() {
    for node in nodes(&[Kind::Fault, Kind::Nmi]) {
        everywhere(
            || format!("{node:?} in the wait"),
            || {
                run_as(TaskWord::idle());
                let mut cpu = boot();
                IN_WAIT.set(Some(node));
                at_wait(|| {
                    assert!(!watching(), "nobody watches the wait");
                    let node = IN_WAIT.get().expect("set before");
                    node.kind.take(&node.inner);
                    assert!(!watching(), "nobody watches the wait");
                });
                cpu.idle();
                assert!(watching());
            },
        );
    }
}
