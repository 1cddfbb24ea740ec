//! QEMU's `virt` machine, as far as this kernel uses it: all of it at its physical address.

use core::arch::{asm, naked_asm};
use core::fmt;
use core::ptr::NonNull;

use arm_gic::gicv3::{GicCpuInterface, GicV3};
use arm_gic::{IntId, InterruptGroup, UniqueMmioPointer};

use crate::kernel;

const SERIAL_DATA: *mut u32 = 0x0900_0000 as *mut u32;
const DISTRIBUTOR: usize = 0x0800_0000;
const REDISTRIBUTORS: usize = 0x080a_0000;
const TIMER: IntId = IntId::ppi(11);

/// The only translation table: blocks of a gigabyte, each where it is. Devices, then RAM, which is cached: atomic
/// operations need that.
#[repr(C, align(4096))]
struct Table([u64; 512]);
static TABLE: Table = {
    const VALID_AND_ACCESSED: u64 = 1 << 10 | 1;
    const NEVER_EXECUTE: u64 = 0b11 << 53;
    const INNER_SHAREABLE: u64 = 0b11 << 8;
    const DEVICE: u64 = 1 << 2;
    let mut table = [0; 512];
    table[0] = NEVER_EXECUTE | DEVICE | VALID_AND_ACCESSED;
    table[1] = 0x4000_0000 | INNER_SHAREABLE | VALID_AND_ACCESSED;
    Table(table)
};
/// Attribute 0 is ordinary memory, written back; attribute 1 is devices.
const MAIR: u64 = 0x04ff;
/// 39 bits of address in the lower half, none in the upper; tables are cached.
const TCR: u64 = 1 << 23 | 0b11 << 12 | 1 << 10 | 1 << 8 | (64 - 39);
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
        "adrp x0, {stacks}",
        "add sp, x0, {stack_size}",
        "mov x29, xzr",
        "bl {main}",
        table = sym TABLE,
        mair = const MAIR,
        tcr = const TCR,
        sctlr = const SCTLR,
        stacks = sym kernel::STACKS,
        stack_size = const vestibule_arm64::STACK_SIZE,
        main = sym kernel::main,
    )
}

/// Sets up the interrupt controller and lets the timer's interrupt through.
pub fn set_up_interrupts() {
    let distributor = NonNull::new(DISTRIBUTOR as *mut _).expect("it is not at zero");
    let redistributors = NonNull::new(REDISTRIBUTORS as *mut _).expect("they are not at zero");
    // SAFETY: this is where `virt` has them, and nobody else uses them.
    let gic = unsafe { GicV3::new(UniqueMmioPointer::new(distributor), redistributors, 1) };
    let mut gic = gic.expect("`virt` has a GICv3");
    gic.setup(0);
    gic.set_interrupt_priority(TIMER, Some(0), 0x80).expect("CPU 0 has a timer");
    gic.enable_interrupt(TIMER, Some(0), true).expect("CPU 0 has a timer");
    GicCpuInterface::set_priority_mask(0xff);
}

/// The interrupt that is to be handled now.
pub fn acknowledge() -> Option<IntId> {
    GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1)
}

/// The interrupt has been handled.
pub fn end(interrupt: IntId) {
    GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group1);
}

/// The timer interrupts in ten milliseconds, and no longer does now.
pub fn start_timer() {
    // SAFETY: raises an interrupt, which is what the caller asks for.
    unsafe {
        asm!(
            "mrs {ticks}, cntfrq_el0",
            "udiv {ticks}, {ticks}, {hundred}",
            "msr cntv_tval_el0, {ticks}",
            "msr cntv_ctl_el0, {enable}",
            "isb",
            ticks = out(reg) _,
            hundred = in(reg) 100_u64,
            enable = in(reg) 1_u64,
            options(nostack),
        )
    }
}

/// The serial port.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: QEMU's serial port takes each byte at once.
            unsafe { SERIAL_DATA.write_volatile(byte.into()) };
        }
        Ok(())
    }
}

macro_rules! println {
    ($($text:tt)*) => {{
        use core::fmt::Write;
        let _ = writeln!($crate::machine::Serial, $($text)*);
    }};
}
pub(crate) use println;

/// What QEMU's exit status says.
pub enum Status {
    Success,
    Failure,
}

/// Ends the machine, by semihosting.
pub fn exit(status: Status) -> ! {
    let application_exit = [0x20026, status as u64];
    loop {
        // SAFETY: SYS_EXIT_EXTENDED reads the two words.
        unsafe { asm!("hlt 0xf000", in("w0") 0x20, in("x1") &application_exit, options(nostack)) };
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    exit(Status::Failure)
}
