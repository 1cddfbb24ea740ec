//! Contexts, stages and accountings are the library's: nobody adds one, nor gives one of them another's powers.
//@ context: E0277 "the trait bound `Mine: Sealed` is not satisfied"
//@ stage: E0277 "the trait bound `Mine: Sealed` is not satisfied"
//@ accounting: E0277 "the trait bound `Mine: Sealed` is not satisfied"
//@ from_user: E0277 "the trait bound `Mine: Sealed` is not satisfied"
//@ context_powers: E0117 "only traits defined in the current crate can be implemented for types defined outside of the crate"
//@ stage_powers: E0117 "only traits defined in the current crate can be implemented for types defined outside of the crate"
//@ restores_open: E0117 "only traits defined in the current crate can be implemented for types defined outside of the crate"
//@ body: E0277 "the trait bound `Mine: Sealed` is not satisfied"
//@ body_of_two: E0117 "only traits defined in the current crate can be implemented for types defined outside of the crate"

use support::*;

pub enum Mine {}

#[cfg(good)]
impl Class for Mine {
    const NAME: &'static str = "mine";
    type Body = NoIrq;
    type Counts = Regular;
}
#[cfg(bad = "context")]
impl Context for Mine {
    const LEVEL: Option<Level> = None;
}
#[cfg(bad = "stage")]
impl Stage for Mine {
    type Context = Critical;
}
#[cfg(bad = "accounting")]
impl Accounting for Mine {
    const COUNTS: Counts = Counts::Regular;
    type AfterMask = Ready;
    type Noted = ();
    fn note<K: Kernel>(_: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step<Self>) {}
    fn undo<K: Kernel>(_: &Cpu<K, Critical>, _: (), _: bool, _: Step<Self>) {}
}
#[cfg(bad = "from_user")]
impl FromUser for Mine {
    const SYSCALL: bool = true;
}
#[cfg(bad = "context_powers")]
impl MaySleep for NoIrq {}
#[cfg(bad = "stage_powers")]
impl MayPrepare for Entered {}
#[cfg(bad = "restores_open")]
impl MayRestore for Open<Mine> {}
#[cfg(bad = "body")]
impl Body for Mine {
    type First = NoIrq;
    type Last = NoIrq;
    const LEVELS: &'static [Option<Level>] = &[Some(Level::Critical)];
}
#[cfg(bad = "body_of_two")]
impl Body for Then<Mine, NoIrq> {
    type First = NoIrq;
    type Last = NoIrq;
    const LEVELS: &'static [Option<Level>] = &[Some(Level::Critical)];
}
