//! Random numbers: a generator that the boot loader seeded.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::lock::IrqLock;
use crate::timer;

static GENERATOR: IrqLock<Option<ChaCha20Rng>> = IrqLock::new(None);

/// Seeds it with what the boot loader passed, and with the time for whatever that lacks.
pub fn init(seed: &[u8]) {
    let mut state = [0; 32];
    for (byte, from) in state.iter_mut().zip(timer::nanoseconds().to_le_bytes().into_iter().cycle()) {
        *byte = from;
    }
    state.iter_mut().zip(seed).for_each(|(byte, from)| *byte ^= from);
    *GENERATOR.lock() = Some(ChaCha20Rng::from_seed(state));
}

/// Fills `to`.
pub fn fill(to: &mut [u8]) {
    GENERATOR.lock().as_mut().expect("random::init has run").fill_bytes(to);
}
