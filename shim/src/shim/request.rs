//! The shim's own calls.

use shim::{CANCEL, NOT_SUPPORTED, Outcome, PEND, Place, TAKE, UID, UID_VALUE};

use super::cpu::{self, Asked, Cpu};
use super::synchronous::Synchronous;
use super::vectors::Frame;
use super::{serror, step};

/// Answers the call in `frame`, if it is one of the shim's.
pub fn answer(frame: &mut Frame) -> bool {
    match frame.x[0] as u32 {
        UID => frame.x[..4].copy_from_slice(&UID_VALUE.map(u64::from)),
        PEND => frame.x[0] = cpu::with_this(|cpu| pend(cpu, frame.x[1], frame.x[2], frame.x[3])),
        TAKE => {
            let synchronous = Synchronous { syndrome: frame.x[1], fault_address: frame.x[2] };
            frame.x[0] = cpu::with_this(|cpu| take(cpu, synchronous, frame.x[3]));
        }
        CANCEL => {
            let (outcome, counted) = cpu::with_this(cancel);
            frame.x[..2].copy_from_slice(&[outcome as u64, counted]);
        }
        _ => return false,
    }
    true
}

fn pend(cpu: &mut Cpu, syndrome: u64, place: u64, instructions: u64) -> u64 {
    let Some(place) = Place::numbered(place) else { return NOT_SUPPORTED };
    cancel(cpu);
    if place == Place::Kernel && instructions == 0 {
        serror::pend(syndrome);
        return 0;
    }
    cpu.asked = Some(Asked::Error(syndrome));
    match place {
        Place::Idle => step::trap_wfi(true),
        Place::Kernel | Place::User => step::begin(cpu, place, instructions),
    }
    0
}

fn take(cpu: &mut Cpu, synchronous: Synchronous, instructions: u64) -> u64 {
    cancel(cpu);
    cpu.asked = Some(Asked::Synchronous(synchronous));
    step::begin(cpu, Place::User, instructions);
    0
}

fn cancel(cpu: &mut Cpu) -> (Outcome, u64) {
    let counted = step::end(cpu);
    step::trap_wfi(false);
    let not_reached = cpu.asked.take().is_some();
    let outcome = match (core::mem::take(&mut cpu.disturbed), not_reached, serror::is_pending()) {
        (true, ..) => Outcome::Disturbed,
        (_, true, _) => Outcome::NotReached,
        (_, _, true) => Outcome::Pending,
        _ => Outcome::Taken,
    };
    serror::withdraw();
    (outcome, counted)
}

/// The place has been reached: an SError is pending from now on, a synchronous exception is where EL2 returns to.
pub fn bring_asked(cpu: &mut Cpu) {
    match cpu.asked.take() {
        Some(Asked::Error(syndrome)) => serror::pend(syndrome),
        Some(Asked::Synchronous(synchronous)) => synchronous.take(),
        None => {}
    }
}
