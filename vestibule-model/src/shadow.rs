//! What stands for an activation's locals and place: everything that its code has been told since it began. The code is
//! deterministic, so two activations that began alike and were told the same are the same; native stacks need not be looked at.

/// 128 bits of history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shadow(pub u64, pub u64);

impl Shadow {
    /// A beginning.
    pub const fn of(seed: u64) -> Shadow {
        Shadow(seed.wrapping_add(0x243f_6a88_85a3_08d3), seed ^ 0x1319_8a2e_0370_7344).and(seed)
    }

    /// And this, after all that.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, told: u64) -> Shadow {
        let a = (self.0 ^ told).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let b = (self.1.rotate_left(23) ^ told.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Shadow(a ^ b >> 32, b ^ a >> 31)
    }

    /// As one number.
    pub const fn key(self) -> u128 {
        (self.0 as u128) << 64 | self.1 as u128
    }
}
