//! The table says what the types say, but the types let a row say what cannot be right.
//! Should be: `Body` and `TwoHalves` sealed; bodies of `NmiLike` and `Debug` never more open than `Error` (a bound on the
//! accounting); those of `Regular` never `Process`, which would be more open than what was interrupted (C6).
//@ row_lies: compiles
//@ nmi_like_sleeps: compiles
//@ fault_opens_everything: compiles

#![forbid(unsafe_code)]

use support::*;

pub enum Mine {}
#[cfg(good)]
impl Class for Mine {
    const NAME: &'static str = "mine";
    type Body = NoIrq;
    type Counts = Regular;
}
#[cfg(bad = "row_lies")]
impl Class for Mine {
    const NAME: &'static str = "mine";
    type Body = Liar;
    type Counts = Regular;
}
#[cfg(bad = "nmi_like_sleeps")]
impl Class for Mine {
    const NAME: &'static str = "mine";
    type Body = Process;
    type Counts = NmiLike;
}
#[cfg(bad = "fault_opens_everything")]
impl Class for Mine {
    const NAME: &'static str = "mine";
    type Body = Process;
    type Counts = Regular;
}

/// Runs in `NoIrq`, and says `Critical`.
#[cfg(bad = "row_lies")]
pub enum Liar {}
#[cfg(bad = "row_lies")]
impl Body for Liar {
    type First = NoIrq;
    const LEVELS: &'static [Option<Level>] = &[Some(Level::Critical)];
}

pub const ROW: Row = Row::of::<Mine>();

#[cfg(bad = "nmi_like_sleeps")]
pub fn handler<P: Arm64Port>(taken: Taken<'_, P, Mine>) -> Restored<'_, P, Mine> {
    let x = taken.enter().open().run(|mut cpu, _| {
        cpu.schedule(|_| true);
        cpu
    });
    x.mask().restore()
}
