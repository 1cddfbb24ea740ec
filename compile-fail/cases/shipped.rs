//! The port's own handlers build: the net under a dropped exception gives no false alarm.
//@ codegen

use support::*;
use vestibule_arm64::{entry, switch};

pub static ENTRIES: [unsafe extern "C" fn(&mut Frame); 8] = [
    entry::el1_sync::<SomePort>,
    entry::el1_irq::<SomePort>,
    entry::el1_fiq::<SomePort>,
    entry::el1_serror::<SomePort>,
    entry::el0_sync::<SomePort>,
    entry::el0_irq::<SomePort>,
    entry::el0_fiq::<SomePort>,
    entry::el0_serror::<SomePort>,
];
pub static FIRST: unsafe fn(Cpu<SomeKernel, Process>, &mut Frame) = entry::first::<SomePort>;
