//! What a kernel may ask the shim for, as calls by the SMC calling convention (Arm DEN0028): the function in W0, arguments from
//! X1 on, results from X0 on. Both HVC and SMC reach it. The other half of this package is the shim itself.
//!
//! ```text
//!   UID      who answers               X0 to X3: [`UID_VALUE`], if it is the shim
//!   PEND     an SError of this CPU     X1 its syndrome, X2 where it comes ([`Place`]), X3 at which instruction there
//!   TAKE     a synchronous exception   X1 its syndrome, X2 its fault address, X3 before which of EL0's next instructions
//!   CANCEL   not any more              X0 what had come of it ([`Outcome`]), X1 how many instructions were counted
//! ```
//!
//! Whoever else answers a call that he does not know says [`NOT_SUPPORTED`].

#![no_std]

/// "Call UID" of the vendor specific hypervisor services.
pub const UID: u32 = 0x8600_ff01;
/// The shim's.
pub const UID_VALUE: [u32; 4] = [0x5653_4c42, 0x454c_3253, 0x8d1f_04c7, 0x93a0_6e2b];
/// Pends a virtual SError on the CPU that calls, once. One that was asked for earlier and has not come is forgotten.
pub const PEND: u32 = 0xc600_0000;
/// Forgets what was asked for on the CPU that calls.
pub const CANCEL: u32 = 0xc600_0001;
/// EL0 takes a synchronous exception to EL1, in place of its n-th next instruction, the first of which is 1: with any syndrome,
/// also where the CPU has no such exception. What was asked for earlier and has not come is forgotten.
pub const TAKE: u32 = 0xc600_0002;
/// In X0: no such function.
pub const NOT_SUPPORTED: u64 = -1_i64 as u64;

/// What of a syndrome can be chosen: IDS and ISS.
pub const SYNDROME: u64 = 0x1ff_ffff;

/// Where an SError is to become pending. It comes at once if it is not masked there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Place {
    /// Where the CPU stands after so many instructions of EL1; after none, behind the call.
    Kernel = 0,
    /// Before the n-th instruction of EL0 from the call on, the first of which is 1.
    User = 1,
    /// At the next WFI, before it waits.
    Idle = 2,
}

impl Place {
    /// By its number in a call.
    pub const fn numbered(number: u64) -> Option<Place> {
        match number {
            0 => Some(Place::Kernel),
            1 => Some(Place::User),
            2 => Some(Place::Idle),
            _ => None,
        }
    }
}

/// What had come of what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Outcome {
    /// It was taken, or nothing was asked for.
    Taken = 0,
    /// It was pending, and masked.
    Pending = 1,
    /// The place had not been reached.
    NotReached = 2,
    /// The CPU took a debug exception of its own meanwhile, which ended the count.
    Disturbed = 3,
}

impl Outcome {
    /// By its number in X0.
    pub const fn numbered(number: u64) -> Option<Outcome> {
        match number {
            0 => Some(Outcome::Taken),
            1 => Some(Outcome::Pending),
            2 => Some(Outcome::NotReached),
            3 => Some(Outcome::Disturbed),
            _ => None,
        }
    }
}

/// Where the kernel's image lies, and begins.
pub const KERNEL: u64 = 0x4020_0000;
/// How many CPUs there can be.
pub const CPUS: usize = 16;
