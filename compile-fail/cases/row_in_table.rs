//! A class's body is no more open than its accounting allows: in the table.
//@ fault_opens_everything: E0080 "the body of this class is more open than its accounting allows"
//@ second_half_opens_everything: E0080 "the body of this class is more open than its accounting allows"
//@ nmi_like_with_nmis_open: E0080 "the body of this class is more open than its accounting allows"
//@ nmi_like_with_serror_open: E0080 "the body of this class is more open than its accounting allows"
//@ nmi_with_nmis_open: E0080 "the body of this class is more open than its accounting allows"
//@ debug_inherits: E0080 "the body of this class is more open than its accounting allows"
//@ user_inherits: E0080 "the body of this class is more open than its accounting allows"

use support::*;

pub enum Mine {}
impl Class for Mine {
    const NAME: &'static str = "mine";
    #[cfg(good)]
    type Body = NoIrq;
    #[cfg(bad = "fault_opens_everything")]
    type Body = Process;
    #[cfg(bad = "second_half_opens_everything")]
    type Body = Then<Error, Process>;
    #[cfg(any(bad = "nmi_like_with_nmis_open", bad = "nmi_with_nmis_open"))]
    type Body = NoIrq;
    #[cfg(bad = "nmi_like_with_serror_open")]
    type Body = NoNmi;
    #[cfg(any(bad = "debug_inherits", bad = "user_inherits"))]
    type Body = Inherit;
    #[cfg(any(good, bad = "fault_opens_everything", bad = "second_half_opens_everything"))]
    type Counts = Regular;
    #[cfg(any(bad = "nmi_like_with_nmis_open", bad = "nmi_like_with_serror_open"))]
    type Counts = NmiLike;
    #[cfg(bad = "nmi_with_nmis_open")]
    type Counts = Nmi;
    #[cfg(bad = "debug_inherits")]
    type Counts = Debug;
    #[cfg(bad = "user_inherits")]
    type Counts = User;
}

pub const TABLE: &[Row] = &[Row::of::<Mine>()];
