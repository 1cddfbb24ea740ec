//! What an SError's syndrome says of the error, and who can go on after it. Arm ARM D24.2.40, "ISS encoding for an SError
//! exception"; the states are the RAS architecture's (Arm DDI 0587).

/// How bad it is, as the CPU says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The hardware has put it right (CE).
    Corrected,
    /// Nothing has used what is wrong, and what was interrupted can go on (UEO).
    Restartable,
    /// What was interrupted can go on once software has put it right (UER).
    Recoverable,
    /// What was interrupted cannot go on; nothing else is concerned (UEU).
    Unrecoverable,
    /// Wherever what is wrong may have gone (UC).
    Uncontained,
    /// The syndrome is the implementation's own (IDS).
    ImplementationDefined,
    /// Nothing is said of it.
    Uncategorized,
}

/// Who goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goes {
    /// What was interrupted.
    On,
    /// What was interrupted does not; everybody else does.
    Away,
    /// Nobody.
    Down,
}

const IDS: u64 = 1 << 24;

impl Severity {
    /// By ESR. Before: it is an SError's.
    #[inline(always)]
    pub const fn of(syndrome: u64) -> Severity {
        const ASYNCHRONOUS: u64 = 0b01_0001;
        match (syndrome & IDS != 0, syndrome & 0x3f, syndrome >> 10 & 7) {
            (true, ..) => Severity::ImplementationDefined,
            // The type is valid with this fault status alone.
            (_, ASYNCHRONOUS, 0b000) => Severity::Uncontained,
            (_, ASYNCHRONOUS, 0b001) => Severity::Unrecoverable,
            (_, ASYNCHRONOUS, 0b010) => Severity::Restartable,
            (_, ASYNCHRONOUS, 0b011) => Severity::Recoverable,
            (_, ASYNCHRONOUS, 0b110) => Severity::Corrected,
            _ => Severity::Uncategorized,
        }
    }

    /// No kernel here puts anything right, so that a recoverable error is as good as an unrecoverable one. What is not said to be
    /// contained is not.
    #[inline(always)]
    pub(crate) const fn goes(self) -> Goes {
        match self {
            Severity::Corrected | Severity::Restartable => Goes::On,
            Severity::Recoverable | Severity::Unrecoverable => Goes::Away,
            Severity::Uncontained | Severity::ImplementationDefined | Severity::Uncategorized => Goes::Down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERROR: u64 = 0x2f << 26 | 1 << 25;
    const ASYNCHRONOUS: u64 = 0b01_0001;

    #[test]
    fn the_type_says_who_goes_on() {
        let goes = [0, 1, 2, 3, 4, 5, 6, 7].map(|aet| Severity::of(SERROR | aet << 10 | ASYNCHRONOUS).goes());
        use Goes::{Away, Down, On};
        assert_eq!(goes, [Down, Away, On, Away, Down, Down, On, Down]);
    }

    #[test]
    fn without_an_architected_syndrome_nobody_does() {
        for aet in 0..8 {
            let type_alone = SERROR | aet << 10;
            assert_eq!(Severity::of(type_alone), Severity::Uncategorized);
            assert_eq!(Severity::of(type_alone | ASYNCHRONOUS | IDS), Severity::ImplementationDefined);
            assert_eq!(
                (Severity::of(type_alone).goes(), Severity::of(type_alone | IDS).goes()),
                (Goes::Down, Goes::Down)
            );
        }
    }
}
