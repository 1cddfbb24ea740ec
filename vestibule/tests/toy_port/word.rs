//! The task word, bit by bit.

use crate::port::{Toy, boot, word, word_of};
use vestibule::{Flags, TaskWord, Word};

const RESCHED: u64 = 1 << 32;
const COUNTS: std::ops::Range<u32> = 0..32;
const FLAGS: std::ops::Range<u32> = 32..48;

fn bit(bit: u32) -> Word {
    word_of(1 << bit)
}

fn flags() -> Vec<Flags> {
    let named = [Flags::RESCHED, Flags::RESCHED_LAZY, Flags::SIGNAL, Flags::NOTIFY_RESUME];
    named.into_iter().chain((0..12).map(Flags::other)).collect()
}

fn every_flag() -> Flags {
    flags().into_iter().reduce(Flags::and).expect("there are sixteen")
}

/// C33: any count forbids it, nothing else does, and only one flag asks for it.
#[test]
fn wants_preemption() {
    assert!(word_of(RESCHED).wants_preemption());
    for other in (0..64).filter(|other| *other != 32) {
        let with = word_of(RESCHED | 1 << other);
        assert_eq!(with.wants_preemption(), !COUNTS.contains(&other), "bit {other}");
        assert!(!bit(other).wants_preemption(), "bit {other}");
    }
}

#[test]
fn each_question_asks_its_own_bits() {
    for n in 0..64 {
        let word = bit(n);
        assert_eq!(word.is_preemptible(), !COUNTS.contains(&n) && n != 63, "bit {n}");
        assert_eq!(word.work().any_of(every_flag()), FLAGS.contains(&n), "bit {n}");
        assert_eq!(word.in_interrupt(), (8..24).contains(&n), "bit {n}");
        assert_eq!(word.is_idle(), n == 63, "bit {n}");
    }
}

/// Every flag is one bit of its own, and together they are all that there are.
#[test]
fn flags_are_disjoint_and_complete() {
    let all = flags();
    for (index, flag) in all.iter().enumerate() {
        assert!(all.iter().skip(index + 1).all(|other| !flag.any_of(*other)), "{flag:?}");
        assert_eq!(flag.any_of(Flags::OTHER), index >= 4, "{flag:?}");
    }
    assert_eq!(every_flag(), word_of(u64::MAX).work());
}

#[test]
#[should_panic(expected = "n < 12")]
fn there_are_twelve_other_flags() {
    let _ = Flags::other(12);
}

#[test]
fn set_and_clear_touch_nothing_else() {
    let word = TaskWord::idle();
    word.set::<Toy>(Flags::SIGNAL.and(Flags::RESCHED));
    word.clear::<Toy>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
    assert_eq!(word.read::<Toy>().work(), Flags::SIGNAL);
    assert!(word.read::<Toy>().is_idle() && !word.read::<Toy>().is_preemptible());
    assert_eq!(TaskWord::new().read::<Toy>(), word_of(0));
}

/// Another CPU's flags and this one's counts share the word, and neither loses anything of the other's.
#[test]
fn remote_flags_and_local_counts() {
    const ROUNDS: u32 = 200_000;
    let mut cpu = boot();
    let word = word();
    let remote = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            word.set::<Toy>(Flags::other(0));
            assert!(word.read::<Toy>().work().any_of(Flags::other(0)));
            word.clear::<Toy>(Flags::other(0));
            assert!(!word.read::<Toy>().work().any_of(Flags::other(0)));
        }
        word.set::<Toy>(Flags::SIGNAL);
    });
    for _ in 0..ROUNDS {
        let off = cpu.preempt_off();
        assert!(!word.read::<Toy>().is_preemptible());
        drop(off);
        assert!(word.read::<Toy>().is_preemptible());
    }
    remote.join().expect("the other CPU saw its own flags");
    assert_eq!(word.read::<Toy>().work(), Flags::SIGNAL);
    assert!(word.read::<Toy>().is_preemptible());
}
