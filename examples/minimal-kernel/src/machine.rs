//! QEMU's `virt` machine, as far as this kernel uses it: all of it at its physical address.

use core::arch::{asm, naked_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr::NonNull;

use arm_gic::gicv3::registers::{Gicd, GicrSgi};
use arm_gic::gicv3::{GicCpuInterface, GicV3};
use arm_gic::{IntId, UniqueMmioPointer};

use crate::kernel;

const DISTRIBUTOR: NonNull<Gicd> = NonNull::new(0x0800_0000 as *mut Gicd).unwrap();
const REDISTRIBUTORS: NonNull<GicrSgi> = NonNull::new(0x080a_0000 as *mut GicrSgi).unwrap();
const SERIAL_DATA: *mut u32 = 0x0900_0000 as *mut u32;
const TIMER: IntId = IntId::ppi(11);

/// The only translation table: two blocks of a gigabyte, each where it is.
#[repr(C, align(4096))]
struct Table([u64; 2]);
static TABLE: Table = Table([DEVICES, RAM]);
/// Never executed, accessed, attribute 1, valid.
const DEVICES: u64 = 0b11 << 53 | 1 << 10 | 1 << 2 | 1;
/// Accessed, shared, attribute 0, valid: cached, because atomic operations need that.
const RAM: u64 = 0x4000_0000 | 1 << 10 | 0b11 << 8 | 1;
/// Attribute 0 is ordinary memory, written back; attribute 1 is devices.
const MAIR: u64 = 0x04ff;
/// 31 bits of address in the lower half, none in the upper; tables are cached.
const TCR: u64 = 1 << 23 | 0b11 << 12 | 1 << 10 | 1 << 8 | (64 - 31);
/// Translation and caches on, stack pointer checked; the rest is what the architecture reserves as one.
const SCTLR: u64 = 0x30d0_1985 | 1 << 3;

/// Where QEMU begins, with everything masked and translation off. What the program does not initialise is zero: it was
/// loaded as an ELF file.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "adrp x0, {table}",
        "msr ttbr0_el1, x0",
        "ldr x0, ={mair}",
        "msr mair_el1, x0",
        "ldr x0, ={tcr}",
        "msr tcr_el1, x0",
        "isb",
        "tlbi vmalle1",
        "dsb nsh",
        "ldr x0, ={sctlr}",
        "msr sctlr_el1, x0",
        "isb",
        "ldr x0, ={stack_top}",
        "mov sp, x0",
        "b {main}",
        table = sym TABLE, mair = const MAIR, tcr = const TCR, sctlr = const SCTLR,
        stack_top = const kernel::stack_top(0), main = sym kernel::main,
    )
}

/// Sets up the interrupt controller and lets the timer's interrupt through.
pub fn set_up_interrupts() {
    // SAFETY: this is where `virt` has them, and nobody else uses them.
    let gic = unsafe { GicV3::new(UniqueMmioPointer::new(DISTRIBUTOR), REDISTRIBUTORS, 1) };
    let mut gic = gic.expect("`virt` has a GICv3");
    gic.setup(0);
    gic.enable_interrupt(TIMER, Some(0), true).expect("CPU 0 has a timer");
    GicCpuInterface::set_priority_mask(0xff);
}

/// The timer interrupts in ten milliseconds, at its 62.5 MHz, and no longer does now.
pub fn start_timer() {
    // SAFETY: raises an interrupt, which is what the caller asks for.
    unsafe { asm!("msr cntv_tval_el0, {}", "msr cntv_ctl_el0, {}", "isb", in(reg) 625_000_u64, in(reg) 1_u64) }
}

/// The serial port.
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: QEMU's serial port takes each byte at once.
        text.bytes().for_each(|byte| unsafe { SERIAL_DATA.write_volatile(byte.into()) });
        Ok(())
    }
}

/// Ends the machine, by semihosting: `status` becomes QEMU's.
pub fn exit(status: u64) -> ! {
    // SAFETY: SYS_EXIT_EXTENDED reads the two words, of which the first says that the application ends; nobody returns.
    unsafe { asm!("hlt 0xf000", in("x0") 0x20_u64, in("x1") &[0x20026, status], options(noreturn)) }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let _ = writeln!(Serial, "{info}");
    exit(1)
}
