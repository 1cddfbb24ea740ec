//! `faults [--values | signer]`: does what no program may do, once for each kind, and looks at the signal that comes of it: number, code
//! and address are Linux's. What the CPU in question has no word for is not asked.

mod branches;
mod copies;
mod identification;
mod instructions;
mod pointers;
pub(crate) mod taken;

use core::ffi::CStr;
use core::ptr::null;

use crate::runtime::file::{close, execute, open};
use crate::runtime::start::Arguments;
use crate::runtime::process::{fork, wait};
use crate::runtime::syscall::{Result, abi, call, check, errno, stay_on_first_cpu, write};
use crate::runtime::tests::Checks;
use instructions as does;
use taken::{Address, Case, Says, Taken};

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if arguments.get(1) == Some(pointers::AS_SIGNER) {
        return pointers::signer();
    }
    let capabilities = Capabilities::of(&arguments);
    let mut checks = Checks::of("faults");
    let result = taken::prepare().and_then(|()| run(&mut checks, &capabilities));
    if arguments.get(1) == Some("--values") {
        identification::print();
    }
    checks.end(result)
}

/// What the kernel says that this CPU can do: AT_HWCAP and AT_HWCAP2.
struct Capabilities([usize; 2]);

impl Capabilities {
    fn of(arguments: &Arguments) -> Self {
        const HWCAP: [usize; 2] = [16, 26];
        Self(HWCAP.map(|which| arguments.auxiliary(which).unwrap_or(0)))
    }

    fn has(&self, word: usize, bit: u32) -> bool {
        self.0[word] >> bit & 1 != 0
    }
}

fn run(checks: &mut Checks, capabilities: &Capabilities) -> Result<()> {
    MEMORY.iter().chain(ALIGNMENT).chain(UNDEFINED).for_each(|case| check_case(checks, case));
    for (what, function) in does::ALLOWED {
        checks.equal(what, Taken::call(*function, taken::page(taken::DATA)), Taken::default());
    }
    checks.equal("a program for AArch32", aarch32()?, errno::ENOEXEC as i32);
    identification::check(checks, capabilities);
    branches::check(checks, capabilities)?;
    pointers::check(checks, capabilities)?;
    copies::check(checks, capabilities)?;
    if Taken::of(does::trap_fpsimd, 0).0 == 0 {
        forged(checks)?;
    }
    Ok(())
}

fn check_case(checks: &mut Checks, case: &Case) {
    checks.equal(case.what, case.run(), case.wanted());
}

/// Whether `body` holds in a child.
fn in_child(body: impl FnOnce() -> bool) -> Result<bool> {
    let child = fork(|| u8::from(body()))?;
    Ok(wait(child as isize, 0)?.1 == 1 << 8)
}

/// What no program comes to by itself: the reference kernel brings it about.
fn forged(checks: &mut Checks) -> Result<()> {
    check_case(checks, &illegal("an illegal execution state", does::illegal_state));
    stay_on_first_cpu()?;
    Taken::of(does::trap_fpsimd, 1);
    check_case(checks, &illegal("FP and SIMD, trapped", does::fpsimd));
    Taken::of(does::trap_fpsimd, 0);
    checks.equal("FP and SIMD", Taken::call(does::fpsimd, 0), Taken::default());
    Ok(())
}

/// What a child gets that wants to become one: the error, as its status.
fn aarch32() -> Result<i32> {
    const ELF32_ARM: [u8; 52] = {
        let mut header = [0; 52];
        [header[0], header[1], header[2], header[3]] = *b"\x7fELF";
        // 32 bits, little endian, version 1; a program for Arm; version 1.
        [header[4], header[5], header[6], header[16], header[18], header[20]] = [1, 1, 1, 2, 40, 1];
        header
    };
    const PATH: &CStr = c"/tmp/aarch32";
    let file = open(PATH, abi::O_WRONLY | abi::O_CREAT | abi::O_TRUNC)?;
    write(file, &ELF32_ARM)?;
    // SAFETY: touches no memory.
    check(unsafe { call(abi::__NR_fchmod, [file as usize, 0o755, 0, 0, 0, 0]) })?;
    close(file)?;
    let child = fork(|| {
        let (arguments, environment) = ([PATH.as_ptr(), null()], [null()]);
        // SAFETY: both end in a null pointer.
        let result = unsafe { execute(PATH, arguments.as_ptr(), environment.as_ptr()) };
        result.map_or_else(|why| why.0 as u8, |()| 0)
    })?;
    Ok(wait(child as isize, 0)?.1 >> 8)
}

const MEMORY: &[Case] = &[
    Case { what: "a load from nowhere", does: does::load, at: || 0x10, says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR) },
    Case { what: "a store to nowhere", does: does::store, at: || 0x10, says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR) },
    Case {
        what: "a load from the kernel",
        does: does::load,
        at: || 0xffff_ffc0_4020_0000,
        says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR),
    },
    Case {
        what: "a load from between user mode and kernel",
        does: does::load,
        at: || 0x0001_0000_0000_0000,
        says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR),
    },
    Case {
        what: "a jump to nowhere",
        does: does::jump,
        at: || 0xdead_0000,
        says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR),
    },
    Case {
        what: "a jump to the kernel",
        does: does::jump,
        at: || 0xffff_ffc0_4020_0000,
        says: Says::of(abi::SIGSEGV, abi::SEGV_MAPERR),
    },
    Case {
        what: "a store to what can be read",
        does: does::store,
        at: || taken::page(taken::READABLE),
        says: Says::of(abi::SIGSEGV, abi::SEGV_ACCERR),
    },
    Case {
        what: "a store to code",
        does: does::store,
        at: || taken::page(taken::CODE),
        says: Says::of(abi::SIGSEGV, abi::SEGV_ACCERR),
    },
    Case {
        what: "a load from what nobody may touch",
        does: does::load,
        at: || taken::page(taken::FORBIDDEN) + 8,
        says: Says::of(abi::SIGSEGV, abi::SEGV_ACCERR),
    },
    Case {
        what: "a jump to data",
        does: does::jump,
        at: || taken::page(taken::DATA),
        says: Says::of(abi::SIGSEGV, abi::SEGV_ACCERR),
    },
    Case {
        what: "a load by a tagged pointer: the address is without the tag",
        does: does::load,
        at: || 0xab << 56 | taken::page(taken::FORBIDDEN),
        says: Says { address: Address::Untagged, ..Says::of(abi::SIGSEGV, abi::SEGV_ACCERR) },
    },
];

const MISALIGNED: Says = Says::of(abi::SIGBUS, abi::BUS_ADRALN);

/// None of these lies within 16 bytes, where newer CPUs do it. (QEMU's CPUs check no stack pointer.)
const ALIGNMENT: &[Case] = &[
    Case { what: "a misaligned exclusive load", does: does::exclusive, at: || taken::page(taken::DATA) + 12, says: MISALIGNED },
    Case { what: "a misaligned atomic", does: does::atomic, at: || taken::page(taken::DATA) + 12, says: MISALIGNED },
    Case { what: "a misaligned acquire", does: does::acquire, at: || taken::page(taken::DATA) + 12, says: MISALIGNED },
    Case { what: "a misaligned release", does: does::release, at: || taken::page(taken::DATA) + 12, says: MISALIGNED },
    Case {
        what: "a misaligned jump",
        does: does::jump,
        at: || taken::page(taken::CODE) + 2,
        says: Says { address: Address::Instruction, ..MISALIGNED },
    },
];

const ILLEGAL: Says = Says { address: Address::Instruction, ..Says::of(abi::SIGILL, abi::ILL_ILLOPC) };

const fn illegal(what: &'static str, does: does::Function) -> Case {
    Case { what, does, at: || 0, says: ILLEGAL }
}

const UNDEFINED: &[Case] = &[
    illegal("an undefined instruction", does::undefined),
    illegal("a hypervisor call", does::hypervisor_call),
    illegal("a monitor call", does::monitor_call),
    illegal("a halt", does::halt),
    illegal("an exception return", does::exception_return),
    illegal("a read of a kernel register", does::kernel_register),
    illegal("a write of a register that can be read", does::read_only_register),
    illegal("a read of the masks", does::masks),
    illegal("interrupts masked", does::mask),
    illegal("PAN cleared", does::pan),
    illegal("the kernel's stack pointer", does::stack_pointer_select),
    illegal("the interrupt controller", does::interrupt_controller),
    illegal("the cycle counter", does::cycle_counter),
    illegal("a timer's control", does::timer),
    illegal("a TLB invalidation", does::tlb),
    illegal("a data cache invalidation", does::invalidate),
    illegal("an instruction cache invalidation", does::invalidate_instructions),
    illegal("an address translation", does::translate),
    illegal("a vector instruction that is longer than a register", does::scalable),
    illegal("a matrix instruction", does::matrix),
    Case {
        what: "a breakpoint",
        does: does::breakpoint,
        at: || 0,
        says: Says { address: Address::Instruction, ..Says::of(abi::SIGTRAP, abi::TRAP_BRKPT) },
    },
];
