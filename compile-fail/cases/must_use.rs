//! A step whose result nobody takes is an error before anything is instantiated.
//@ exception: unused_must_use "unused `Exception` that must be used" "an exception ends with `restore`, and the handler returns what that gives"
//@ restored: unused_must_use "unused `Restored` that must be used" "the handler returns this"
//@ token: unused_must_use "unused `Cpu` that must be used" "the context this CPU is in is passed on"
//@ guard: unused_must_use "unused `Guard` that must be used"

use support::*;

pub fn dies<P: Arm64Port>(taken: Taken<'_, P, El1Brk>) -> ! {
    let x = taken.enter().open().run(P::Kernel::kernel_brk);
    #[cfg(bad = "exception")]
    x.mask();
    #[cfg(bad = "restored")]
    x.mask().restore();
    #[cfg(good)]
    let _restored = x.mask().restore();
    loop {}
}

pub fn work<K: Kernel>(cpu: Cpu<K, NoIrq>, process: &mut Cpu<K, Process>, cause: Cause<K>) {
    #[cfg(bad = "guard")]
    process.irqs_off();
    #[cfg(bad = "token")]
    K::Scheduler::schedule(cpu, cause);
}
