//! The GICv3: set-up of the distributor, the redistributors and each CPU's interface, and sending. Acknowledgement and end
//! are the port's. Interrupts are group 1, but for those that are to come as FIQ; nothing here masks or unmasks the CPU.

use core::arch::asm;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use arm_gic::gicv3::registers::{Gicd, GicrSgi};
use arm_gic::gicv3::{GicCpuInterface, GicError, GicV3, Group, SecureIntGroup};
use arm_gic::{IntId, UniqueMmioPointer};

use vestibule_arm64::{Backend as _, Nmis, priority};

use crate::device_tree::GicRegions;
use crate::layout;
use crate::lock::IrqLock;
use crate::percpu::{self, MAX_CPUS};
use crate::reference::Backend;
use crate::registers::{read_register, write_register};

/// Priority of ordinary interrupts. Lower values are more urgent.
pub const PRIORITY_IRQ: u8 = priority::IRQ;

static GIC: IrqLock<Option<GicV3<'static>>> = IrqLock::new(None);

/// Where the redistributors begin.
static REDISTRIBUTORS: AtomicUsize = AtomicUsize::new(0);
/// Which redistributor belongs to which CPU.
static REDISTRIBUTOR: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];

/// Why the interrupt controller does not come up.
#[derive(Debug)]
pub enum GicSetupError {
    /// The redistributors are of a kind this driver does not know.
    Driver(GicError),
    /// None of the redistributors in the device tree's region belongs to the CPU.
    NoRedistributor(usize),
}

impl fmt::Display for GicSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver(why) => write!(f, "GIC: {why}"),
            Self::NoRedistributor(cpu) => write!(f, "GIC: no redistributor for CPU {cpu}"),
        }
    }
}

/// Puts every interrupt into group 1, disabled, at [`PRIORITY_IRQ`], and starts distribution. Once, on the first CPU,
/// after `percpu::init`; each CPU then calls [`init_cpu`].
pub fn init(regions: &GicRegions) -> Result<(), GicSetupError> {
    let distributor = NonNull::new(layout::device(regions.distributor.start).cast::<Gicd>());
    let redistributors = NonNull::new(layout::device(regions.redistributors.start).cast::<GicrSgi>());
    let (Some(distributor), Some(redistributors)) = (distributor, redistributors) else { unreachable!() };
    // SAFETY: the device tree says that the registers are there, `paging` maps them, and this driver is their only user.
    let mut gic = unsafe { GicV3::new(UniqueMmioPointer::new(distributor), redistributors, percpu::count()) }
        .map_err(GicSetupError::Driver)?;

    REDISTRIBUTORS.store(redistributors.as_ptr() as usize, Ordering::Relaxed);
    gic.distributor().configure_default_settings();
    assert!(
        Backend::NMIS != Nmis::BySuperpriority || gic.distributor().typer().nmi_supported(),
        "this kernel is built for a GIC with NMIs (GICD_TYPER.NMI), and this one has none"
    );
    for (cpu, its_redistributor) in REDISTRIBUTOR.iter().enumerate().take(percpu::count()) {
        let index = redistributor_of(&mut gic, cpu)?;
        its_redistributor.store(index, Ordering::Relaxed);
        let mut redistributor = gic.redistributor(index).map_err(GicSetupError::Driver)?;
        redistributor.configure_default_settings();
        for interrupt in (0..16).map(IntId::sgi).chain((0..16).map(IntId::ppi)) {
            redistributor.set_interrupt_priority(interrupt, PRIORITY_IRQ).map_err(GicSetupError::Driver)?;
        }
    }
    // Nothing is in it before `enable_fiq`.
    gic.distributor().enable_group0(true);
    *GIC.lock() = Some(gic);
    Ok(())
}

fn redistributor_of(gic: &mut GicV3, cpu: usize) -> Result<usize, GicSetupError> {
    let affinity = percpu::cpu(cpu).affinity();
    let owner = |index| gic.gicr_typer(index).map(|typer| typer.core_mpidr());
    (0..percpu::count())
        .map(owner)
        .position(|owner| owner.is_ok_and(|owner| owner == affinity))
        .ok_or(GicSetupError::NoRedistributor(cpu))
}

/// Wakes CPU `cpu`'s redistributor and opens its interface: every priority, group 1, an end also deactivates.
/// On that CPU, once.
pub fn init_cpu(cpu: usize) {
    let mut gic = GIC.lock();
    let gic = gic.as_mut().expect("gic::init has run");
    gic.init_cpu(REDISTRIBUTOR[cpu].load(Ordering::Relaxed));
    GicCpuInterface::set_priority_mask(priority::OPEN as u8);
    // Of two priorities the lower number always goes first; and opening the mask needs no barrier (C92).
    const PMHE: u64 = 1 << 6;
    let control = read_register!("icc_ctlr_el1") & !PMHE;
    // SAFETY: this CPU's own interface, before anything comes through it.
    unsafe {
        write_register!("icc_ctlr_el1", control);
        write_register!("icc_bpr0_el1", 0_u64);
        write_register!("icc_bpr1_el1", 0_u64);
    }
    GicCpuInterface::enable_group1(true);
    // SAFETY: only orders what was just written before anything that follows.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}

/// Lets CPU `cpu`'s private interrupt `interrupt` (SGI or PPI, 0 to 31) through at `priority`.
pub fn enable_private(cpu: usize, interrupt: u32, priority: u8) {
    let (index, interrupt) = (REDISTRIBUTOR[cpu].load(Ordering::Relaxed), private(interrupt));
    let mut gic = GIC.lock();
    let gic = gic.as_mut().expect("gic::init has run");
    gic.set_interrupt_priority(interrupt, Some(index), priority).expect("a private interrupt has a priority");
    gic.enable_interrupt(interrupt, Some(index), true).expect("a private interrupt can be enabled");
}

/// Lets the shared interrupt `interrupt` (32 to 1019) through at `priority`, to CPU `cpu` alone.
pub fn enable_shared(interrupt: u32, cpu: usize, priority: u8) {
    let interrupt = IntId::spi(interrupt - 32);
    let mut gic = GIC.lock();
    let distributor = gic.as_mut().expect("gic::init has run").distributor();
    let done = [
        distributor.set_interrupt_priority(interrupt, priority),
        distributor.set_routing(interrupt, Some(percpu::cpu(cpu).affinity())),
        distributor.enable_interrupt(interrupt, true),
    ];
    assert!(done.iter().all(Result::is_ok), "a shared interrupt has a priority and a CPU");
}

/// Lets CPU `cpu`'s private interrupt `interrupt` through as an NMI, as the backend has them; as an ordinary interrupt if it has
/// none.
pub fn enable_nmi(cpu: usize, interrupt: u32) {
    match Backend::NMIS {
        Nmis::None => enable_private(cpu, interrupt, priority::IRQ),
        Nmis::ByPriority => enable_private(cpu, interrupt, priority::NMI),
        Nmis::BySuperpriority => {
            give_superpriority(cpu, interrupt);
            enable_private(cpu, interrupt, priority::IRQ);
        }
    }
}

/// Lets CPU `cpu`'s private interrupt `interrupt` through as one of group 0, which comes as FIQ: the machine has one Security
/// state.
pub fn enable_fiq(cpu: usize, interrupt: u32) {
    let (index, of_group_0) = (REDISTRIBUTOR[cpu].load(Ordering::Relaxed), Group::Secure(SecureIntGroup::Group0));
    let mut gic = GIC.lock();
    let driver = gic.as_mut().expect("gic::init has run");
    driver.set_group(private(interrupt), Some(index), of_group_0).expect("a private interrupt has a group");
    drop(gic);
    enable_private(cpu, interrupt, priority::IRQ);
    GicCpuInterface::enable_group0(true);
}

/// GICR_INMIR0, in a redistributor's second frame: which private interrupts have superpriority. The driver does not have it. GIC
/// architecture specification, IHI 0069, 12.11.
fn give_superpriority(cpu: usize, interrupt: u32) {
    const FRAMES: usize = 0x2_0000;
    const INMIR0: usize = 0x1_0f80;
    let base = REDISTRIBUTORS.load(Ordering::Relaxed) + REDISTRIBUTOR[cpu].load(Ordering::Relaxed) * FRAMES;
    let _one_at_a_time = GIC.lock();
    let word = (base + INMIR0) as *mut u32;
    // SAFETY: the device tree says that the register is there, and `paging` maps it; nobody else changes it meanwhile.
    unsafe { word.write_volatile(word.read_volatile() | 1 << interrupt) };
}

/// Holds CPU `cpu`'s private interrupt `interrupt` back.
pub fn disable_private(cpu: usize, interrupt: u32) {
    let index = REDISTRIBUTOR[cpu].load(Ordering::Relaxed);
    let mut gic = GIC.lock();
    let gic = gic.as_mut().expect("gic::init has run");
    gic.enable_interrupt(private(interrupt), Some(index), false).expect("a private interrupt can be disabled");
}

fn private(interrupt: u32) -> IntId {
    match interrupt {
        0..16 => IntId::sgi(interrupt),
        16..32 => IntId::ppi(interrupt - 16),
        _ => panic!("interrupt {interrupt} is not private to a CPU"),
    }
}

/// Raises software-generated interrupt `interrupt` (0 to 15) on CPU `cpu`, after everything this CPU has written.
pub fn send_ipi(cpu: usize, interrupt: u32) {
    let value = to_send(cpu, interrupt);
    // SAFETY: raises an interrupt, which is what the caller asks for.
    unsafe { write_register!("icc_sgi1r_el1", value) };
}

/// The same of an interrupt of group 0.
pub fn send_fiq(cpu: usize, interrupt: u32) {
    let value = to_send(cpu, interrupt);
    // SAFETY: as above.
    unsafe { write_register!("icc_sgi0r_el1", value) };
}

/// What sends it, when everything that this CPU has written can be seen.
fn to_send(cpu: usize, interrupt: u32) -> u64 {
    assert!(interrupt < 16, "interrupt {interrupt} is not software-generated");
    let affinity = percpu::cpu(cpu).affinity();
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes().map(u64::from);
    let target = (1 << (aff0 & 0xf)) | ((aff0 >> 4) << 44);
    // SAFETY: only orders.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) };
    (aff3 << 48) | (aff2 << 32) | (u64::from(interrupt) << 24) | (aff1 << 16) | target
}
