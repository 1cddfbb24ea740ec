//! Nobody outside a port makes a token.
//@ literal: E0423 "cannot initialize a tuple struct which contains private fields"
//@ claim: E0061 "argument #1"
//@ claim_with_made_up_key: E0271 "<Arm64<Daif<NoCpu>> as Machine>::Key == ()"
//@ key_literal: E0423 "cannot initialize a tuple struct which contains private fields"
//@ key_new: E0624 "associated function `new` is private"
//@ assume: E0624 "associated function `assume` is private"
//@ open: E0061 "argument #1"
//@ default: E0277 "the trait bound `Cpu<SomeKernel, NoIrq>: Default` is not satisfied"
//@ other_kernels: E0308 "expected `Cpu<SomeKernel, NoIrq>`, found `Cpu<OtherKernel, NoIrq>`"

use support::*;

pub fn forge(honest: Cpu<SomeKernel, NoIrq>, other: Cpu<OtherKernel, NoIrq>) {
    #[cfg(good)]
    let forged: Cpu<SomeKernel, NoIrq> = honest;
    #[cfg(bad = "literal")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu(PhantomData);
    #[cfg(bad = "claim")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu::claim();
    #[cfg(bad = "claim_with_made_up_key")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu::claim(());
    #[cfg(bad = "key_literal")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu::claim(Key(()));
    #[cfg(bad = "key_new")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu::claim(unsafe { Key::new() });
    #[cfg(bad = "assume")]
    let forged: Cpu<SomeKernel, NoIrq> = Cpu::assume(unreachable!());
    #[cfg(bad = "open")]
    let forged: Cpu<SomeKernel, Process> = honest.open();
    #[cfg(bad = "default")]
    let forged: Cpu<SomeKernel, NoIrq> = Default::default();
    #[cfg(bad = "other_kernels")]
    let forged: Cpu<SomeKernel, NoIrq> = other;
}
