//! Policy as data: a class of exceptions is a type, and its row of the table is the type's associated items. The
//! handlers are checked against the row because the row is what their steps are typed with.

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
#[derive(Debug)]
pub struct Then<A, B>(PhantomData<(A, B)>);

/// What a class's body runs in.
pub trait Body: 'static {
    /// Where it begins.
    type First: Opens;
    /// All of it as values; `None` is inherited.
    const LEVELS: &'static [Option<Level>];
}

impl<C: Opens> Body for C {
    type First = C;
    const LEVELS: &'static [Option<Level>] = &[C::LEVEL];
}

impl<A: Opens + Fixed, B: Opens + Fixed> Body for Then<A, B> {
    type First = A;
    const LEVELS: &'static [Option<Level>] = &[A::LEVEL, B::LEVEL];
}

/// A body with two halves.
#[diagnostic::on_unimplemented(
    message = "a body in `{Self}` has no second half",
    label = "the class's row names one context",
    note = "`type Body = Then<A, B>` in the row gives it one"
)]
pub trait TwoHalves: Body<First: Fixed> {
    /// Where it goes on.
    type Second: Opens + Fixed;
}

impl<A: Opens + Fixed, B: Opens + Fixed> TwoHalves for Then<A, B> {
    type Second = B;
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
    /// [`Accounting::PREPARES`].
    pub prepares: bool,
}

impl Row {
    /// The row of `X`.
    pub const fn of<X: Class>() -> Row {
        Row { name: X::NAME, body: X::Body::LEVELS, counts: X::Counts::COUNTS, prepares: X::Counts::PREPARES }
    }
}
