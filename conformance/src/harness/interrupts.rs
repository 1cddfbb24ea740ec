//! Two interrupts that a program sends to its own CPU: SGI 0 is a FIQ, because it is in group 0, and SGI 1 an IRQ. The FIQ
//! is the more urgent, and while it is pending the controller signals no other.

use core::arch::asm;
use core::ptr::NonNull;

use arm_gic::gicv3::registers::{Gicd, GicdCtlr, GicrSgi};
use arm_gic::gicv3::{GicCpuInterface, GicV3, Group, SecureIntGroup};
use arm_gic::{IntId, UniqueMmioPointer};

const DISTRIBUTOR: NonNull<Gicd> = NonNull::new(0x0800_0000 as *mut Gicd).unwrap();
const REDISTRIBUTORS: NonNull<GicrSgi> = NonNull::new(0x080a_0000 as *mut GicrSgi).unwrap();

const FIQ: IntId = IntId::sgi(0);
const IRQ: IntId = IntId::sgi(1);

/// Both enabled, and let through by the CPU interface.
pub fn set_up() {
    // SAFETY: this is where `virt` has them, and nobody else uses them.
    let gic = unsafe { GicV3::new(UniqueMmioPointer::new(DISTRIBUTOR), REDISTRIBUTORS, 1) };
    let mut gic = gic.expect("`virt` has a GICv3");
    gic.setup(0);
    gic.gicd_set_control(GicdCtlr::EnableGrp0);
    for (interrupt, group, priority) in
        [(FIQ, Group::Secure(SecureIntGroup::Group0), 0x40), (IRQ, Group::Group1NS, 0x80)]
    {
        gic.set_group(interrupt, Some(0), group).expect("CPU 0 has SGIs");
        gic.set_interrupt_priority(interrupt, Some(0), priority).expect("CPU 0 has SGIs");
        gic.enable_interrupt(interrupt, Some(0), true).expect("CPU 0 has SGIs");
    }
    GicCpuInterface::set_priority_mask(0xff);
    GicCpuInterface::enable_group0(true);
    GicCpuInterface::enable_group1(true);
}

/// Neither is pending.
pub fn clear() {
    const PENDING: *mut u32 = 0x080b_0280 as *mut u32; // GICR_ICPENDR0
    // SAFETY: clears what programs left pending; nobody waits for it.
    unsafe {
        PENDING.write_volatile(0b11);
        asm!("dsb sy", "isb", options(nostack));
    }
}
