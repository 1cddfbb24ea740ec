//! A body's second half is more open than its first, never less.
//@ codegen
//@ closes: E0080 "`lower` opens, it never closes"

use support::*;

pub enum Halves {}
impl Class for Halves {
    const NAME: &'static str = "halves";
    #[cfg(good)]
    type Body = Then<NoIrq, Process>;
    #[cfg(bad = "closes")]
    type Body = Then<Process, NoIrq>;
    type Counts = User;
}

pub fn handler(taken: Taken<'_, SomePort, Halves>) -> Restored<'_, SomePort, Halves> {
    taken.enter().open().run(|cpu, _| cpu).then().run(|cpu, _| cpu).mask().prepare().restore()
}
