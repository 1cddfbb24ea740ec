//! Policy as data: a class of exceptions is a type, and its row of the table is the type's associated items. The
//! handlers are checked against the row because the row is what their steps are typed with.

use crate::context::Sealed;
use crate::{Accounting, Counts, Fixed, Level, Opens};
use core::marker::PhantomData;

/// One class of exceptions.
pub trait Class: 'static {
    /// As reports and documents call it.
    const NAME: &'static str;
    /// What the body runs in: a context, or [`Then`] one and another.
    type Body: Body;
    /// How it counts, and by that whether its exit prepares.
    type Counts: Accounting;
}

/// First `A`, then `B`, which is more open.
pub struct Then<A, B>(PhantomData<(A, B)>);

/// What a class's body runs in.
pub trait Body: Sealed + 'static {
    /// Where it begins.
    type First: Opens;
    /// Where it ends.
    type Last: Opens;
    /// All of it as values; `None` is inherited.
    const LEVELS: &'static [Option<Level>];
}

impl<C: Opens> Body for C {
    type First = C;
    type Last = C;
    const LEVELS: &'static [Option<Level>] = &[C::LEVEL];
}

impl<A, B> Sealed for Then<A, B> {}
impl<A: Opens + Fixed, B: Opens + Fixed> Body for Then<A, B> {
    type First = A;
    type Last = B;
    const LEVELS: &'static [Option<Level>] = &[A::LEVEL, B::LEVEL];
}

/// A class's row as a value: documentation, checks and model read this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// [`Class::NAME`].
    pub name: &'static str,
    /// [`Body::LEVELS`].
    pub body: &'static [Option<Level>],
    /// [`Accounting::COUNTS`].
    pub counts: Counts,
    /// Its exit has something to prepare.
    pub prepares: bool,
}

impl Row {
    /// The row of `X`. One that opens more than its accounting allows does not compile.
    pub const fn of<X: Class>() -> Row {
        let counts = X::Counts::COUNTS;
        let prepares = !matches!(counts, Counts::NmiLike | Counts::Nmi | Counts::Debug);
        let row = Row { name: X::NAME, body: X::Body::LEVELS, counts, prepares };
        assert!(row.is_sound(), "the body of this class is more open than its accounting allows");
        row
    }

    /// From the kernel: no more open than what was interrupted can have been (C6). NMI-like: nothing that was masked.
    const fn is_sound(&self) -> bool {
        let mut half = 0;
        while half < self.body.len() {
            let fits = match (self.counts, self.body[half]) {
                (Counts::Regular, level) => !matches!(level, Some(Level::Process)),
                (Counts::NmiLike | Counts::Debug, level) => matches!(level, Some(Level::Error | Level::Critical)),
                (Counts::Nmi, level) => matches!(level, Some(Level::NoNmi)),
                (Counts::Syscall | Counts::User, level) => level.is_some(),
            };
            if !fits {
                return false;
            }
            half += 1;
        }
        true
    }
}
