//! Preemption models.

use crate::port::{Toy, boot, word, word_of};
use vestibule::{Asking, Flags, Preemption, Word};

fn nothing() -> Word {
    word_of(0)
}

fn asked() -> Word {
    word().set::<Toy>(Flags::RESCHED_LAZY);
    word().read::<Toy>()
}

#[test]
fn full_is_at_once() {
    for asking in [Asking::Wakeup, Asking::Tick] {
        assert_eq!(Preemption::Full.flag(asking, nothing()), Flags::RESCHED);
        assert_eq!(Preemption::Full.flag(asking, asked()), Flags::RESCHED);
    }
}

#[test]
fn none_waits_for_user_mode() {
    for asking in [Asking::Wakeup, Asking::Tick] {
        assert_eq!(Preemption::None.flag(asking, nothing()), Flags::RESCHED_LAZY);
        assert_eq!(Preemption::None.flag(asking, asked()), Flags::RESCHED_LAZY);
    }
}

/// One whole tick after it was asked first, not before.
#[test]
fn lazy_waits_for_one_tick() {
    let lazy = Preemption::Lazy;
    assert_eq!(lazy.flag(Asking::Wakeup, nothing()), Flags::RESCHED_LAZY);
    assert_eq!(lazy.flag(Asking::Wakeup, asked()), Flags::RESCHED_LAZY);
    assert_eq!(lazy.flag(Asking::Tick, nothing()), Flags::RESCHED_LAZY);
    assert_eq!(lazy.flag(Asking::Tick, asked()), Flags::RESCHED);
}

/// The flag decides alone: code in the kernel is preempted by what `Full` sets, and by nothing that `None` does.
#[test]
fn flags_preempt_as_the_model_says() {
    let mut cpu = boot();
    for (model, preempts) in [(Preemption::Full, true), (Preemption::Lazy, false), (Preemption::None, false)] {
        word().clear::<Toy>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
        let off = cpu.preempt_off();
        word().set::<Toy>(model.flag(Asking::Wakeup, word().read::<Toy>()));
        drop(off);
        let scheduled = crate::port::happened().iter().any(|step| step.starts_with("schedule"));
        assert_eq!(scheduled, preempts, "{model:?}");
    }
}
