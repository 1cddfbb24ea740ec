//! Pointer authentication: a signature that is wrong is found, and whose keys are whose. Keys are known by what they make: a task's
//! are its children's and its threads', until it asks for others or becomes another program.

use core::ptr::{from_mut, from_ref, null};

use super::taken::{Function, Taken, program_counter};
use super::{Capabilities, Checks, does, identification, in_child};
use crate::runtime::file::{close, duplicate, execute};
use crate::runtime::process::{fork, wait};
use crate::runtime::syscall::{
    Errno, Result, abi, call, check as succeeds, errno, pipe, read, sched_yield, stay_on_first_cpu, write,
};
use crate::runtime::thread::spawn;

/// PACA, a bit of AT_HWCAP.
const PACA: u32 = 30;
/// How this program is started by itself.
pub const AS_SIGNER: &str = "signer";

const KEYS: usize = 5;
/// By the keys, in the order of `prctl`'s bits.
const SIGN: [Function; KEYS] = [does::sign_ia, does::sign_ib, does::sign_da, does::sign_db, does::sign];
const AUTHENTICATE: [(&str, Function); KEYS - 1] = [
    ("APIA", does::authenticate_ia),
    ("APIB", does::authenticate_ib),
    ("APDA", does::authenticate_da),
    ("APDB", does::authenticate_db),
];

/// What the keys make of some pointers. A signature is short, with as few as seven bits: one alone may be right by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Signed([[usize; 8]; KEYS]);

impl Signed {
    fn now() -> Signed {
        Signed(SIGN.map(|sign| core::array::from_fn(|n| Taken::of(sign, n * 0x1234_5678).0)))
    }

    /// Which keys the other was made with, too.
    fn keys_of(&self, other: &Signed) -> [bool; KEYS] {
        core::array::from_fn(|key| self.0[key] == other.0[key])
    }
}

pub fn check(checks: &mut Checks, capabilities: &Capabilities) -> Result<()> {
    identification::signs(checks, capabilities);
    if !capabilities.has(0, PACA) {
        checks.equal("keys that are not there", reset(0), Err(Errno(errno::EINVAL)));
        return Ok(());
    }
    signatures(checks);
    let own = Signed::now();
    checks.equal("a child's keys", in_child(|| Signed::now() == own)?, true);
    checks.equal("a thread's keys", in_child(|| signed_in_thread() == Ok(own))?, true);
    for (which, kept) in [(0, [false; KEYS]), (0b10001, [false, true, true, true, false])] {
        let others = in_child(|| reset(which).is_ok() && Signed::now().keys_of(&own) == kept)?;
        checks.equal("keys asked for", (which, others), (which, true));
    }
    checks.equal("keys that there are none of", reset(1 << KEYS), Err(Errno(errno::EINVAL)));
    checks.equal("keys of two who take turns", in_child(|| take_turns() == Ok(true))?, true);
    checks.equal("another program's keys", signed_by_another()?.keys_of(&own), [false; KEYS]);
    Ok(())
}

/// One that is right, and one that is wrong by a bit.
fn signatures(checks: &mut Checks) {
    const WRONG: usize = 1 << 50;
    let pointer = from_ref(checks) as usize;
    for ((key, authenticate), sign) in AUTHENTICATE.into_iter().zip(SIGN) {
        let signed = Taken::of(sign, pointer).0;
        checks.equal(key, Taken::of(authenticate, signed), (pointer, Taken::default()));
        let (value, taken) = Taken::of(authenticate, signed ^ WRONG);
        if identification::authentication_faults() {
            let (signal, code) = (abi::SIGILL, abi::ILL_ILLOPN);
            checks.equal(key, taken, Taken { signal, code, address: program_counter(), fault_address: 0 });
        } else {
            checks.equal(key, (value == pointer, taken), (false, Taken::default()));
        }
    }
}

fn reset(which: usize) -> Result<()> {
    const PR_PAC_RESET_KEYS: usize = 54;
    // SAFETY: nothing that the compiler makes is signed.
    succeeds(unsafe { call(abi::__NR_prctl, [PR_PAC_RESET_KEYS, which, 0, 0, 0, 0]) }).map(|_| ())
}

fn send(to: i32, signed: &Signed) -> Result<()> {
    // SAFETY: plain numbers.
    let bytes = unsafe { core::slice::from_raw_parts(from_ref(signed).cast::<u8>(), size_of::<Signed>()) };
    write(to, bytes).map(|_| ())
}

fn receive(from: i32) -> Result<Signed> {
    let mut signed = Signed([[0; 8]; KEYS]);
    // SAFETY: plain numbers, whatever they are.
    let bytes = unsafe { core::slice::from_raw_parts_mut(from_mut(&mut signed).cast::<u8>(), size_of::<Signed>()) };
    read(from, bytes)?;
    Ok(signed)
}

fn signed_in_thread() -> Result<Signed> {
    let [from, to] = pipe()?;
    spawn(move || _ = send(to, &Signed::now()))?.join();
    receive(from)
}

/// Two with different keys on one CPU: whether each finds its own whenever it runs.
fn take_turns() -> Result<bool> {
    const TURNS: usize = 20;
    let turns = |own: Signed| {
        (0..TURNS).all(|_| {
            sched_yield();
            Signed::now() == own
        })
    };
    stay_on_first_cpu()?;
    let own = Signed::now();
    let child = fork(|| u8::from(reset(0).is_ok() && turns(Signed::now())))?;
    let sound = turns(own);
    Ok(wait(child as isize, 0)?.1 == 1 << 8 && sound)
}

/// What this program makes when it is begun anew in a child.
fn signed_by_another() -> Result<Signed> {
    let [from, to] = pipe()?;
    in_child(|| {
        let arguments = [c"faults".as_ptr(), c"signer".as_ptr(), null()];
        _ = duplicate(to, 1);
        // SAFETY: both end in a null pointer.
        _ = unsafe { execute(c"/proc/self/exe", arguments.as_ptr(), arguments[2..].as_ptr()) };
        false
    })?;
    close(to)?;
    receive(from)
}

/// That one.
pub fn signer() -> u8 {
    u8::from(send(1, &Signed::now()).is_err())
}
