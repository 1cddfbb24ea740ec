//! A cause says nothing of the kernel that it was made for: who writes a kernel and a machine of his own, without
//! `unsafe`, is handed one, and enters the real scheduler with it wherever a body owns a `NoIrq` token.
//! Should be: `Cause<K>`.
//@ taken_over: compiles

#![forbid(unsafe_code)]

use std::sync::Mutex;
use support::*;

pub static STOLEN: Mutex<Option<Cause>> = Mutex::new(None);

pub enum Thief {}
impl Kernel for Thief {
    type Machine = Arm64<NoCpu>;
    type Scheduler = Thief;
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type Softirqs = ();
    type Checks = ();
}
impl Scheduler<Thief> for Thief {
    fn schedule(cpu: Cpu<Thief, NoIrq>, cause: Cause) -> Cpu<Thief, NoIrq> {
        *STOLEN.lock().unwrap() = Some(cause);
        cpu
    }
}

pub fn body<K: Kernel>(cpu: Cpu<K, NoIrq>) -> Cpu<K, NoIrq> {
    #[cfg(bad = "taken_over")]
    let cpu = K::Scheduler::schedule(cpu, STOLEN.lock().unwrap().take().unwrap());
    cpu
}
