//! What the machine is, as its device tree says: memory, CPUs, firmware conduit, interrupt controller, timer, console,
//! and what the boot loader passed in `/chosen`.

use core::fmt;
use core::ops::Range;
use core::slice;

use fdt::Fdt;
use fdt::node::FdtNode;

use crate::layout::{self, PhysicalAddress};
use crate::psci::Conduit;

/// What is wrong with the device tree.
#[derive(Debug)]
pub enum DeviceTreeError {
    /// The boot loader's x0 does not point to a device tree.
    Unreadable(PhysicalAddress, fdt::FdtError),
    /// A node this kernel cannot do without is absent.
    MissingNode(&'static str),
    /// A property of a node is absent or has another shape than its binding says.
    BadProperty(&'static str, &'static str),
}

impl fmt::Display for DeviceTreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(at, why) => write!(f, "device tree at {at}: {why:?}"),
            Self::MissingNode(node) => write!(f, "device tree: no {node} node"),
            Self::BadProperty(node, property) => write!(f, "device tree: {node}: `{property}` is missing or malformed"),
        }
    }
}

/// A physical range.
pub type PhysicalRange = Range<PhysicalAddress>;

/// The interrupt controller's register regions.
#[derive(Clone, Debug)]
pub struct GicRegions {
    /// The distributor.
    pub distributor: PhysicalRange,
    /// The first region of redistributors, one for each CPU in turn.
    pub redistributors: PhysicalRange,
}

/// The register regions of the serial ports.
#[derive(Clone, Debug)]
pub struct SerialPorts {
    /// The user's terminal.
    pub terminal: PhysicalRange,
    /// The kernel's log; where the machine has only one port, the same one.
    pub log: PhysicalRange,
    /// The interrupt (INTID) of the terminal's.
    pub terminal_interrupt: u32,
}

const PL011: &str = "arm,pl011";

/// The machine's device tree, in place.
pub struct DeviceTree {
    fdt: Fdt<'static>,
    blob: PhysicalRange,
}

impl DeviceTree {
    /// Reads the header of the blob at `at`, which the linear map must show.
    pub fn at(at: PhysicalAddress) -> Result<Self, DeviceTreeError> {
        // SAFETY: the boot protocol says that x0 holds a device tree; its magic is checked before anything else is read,
        // and nothing writes to it, since `frames` reserves it.
        let fdt = unsafe { Fdt::from_ptr(layout::linear(at)) }.map_err(|why| DeviceTreeError::Unreadable(at, why))?;
        let blob = at..at + fdt.total_size();
        Ok(Self { fdt, blob })
    }

    /// Where the blob itself lies.
    pub fn blob(&self) -> PhysicalRange {
        self.blob.clone()
    }

    /// The memory nodes' ranges.
    pub fn memory(&self) -> impl Iterator<Item = PhysicalRange> {
        let nodes = self
            .fdt
            .all_nodes()
            .filter(|node| node.property("device_type").and_then(|property| property.as_str()) == Some("memory"));
        nodes.filter_map(|node| node.reg()).flatten().filter_map(|region| {
            let start = PhysicalAddress(region.starting_address as usize);
            region.size.filter(|&size| size > 0).map(|size| start..start + size)
        })
    }

    /// The affinity (MPIDR_EL1 without its flags) of each CPU, in order.
    pub fn cpus(&self) -> impl Iterator<Item = u64> {
        let cpus = self.fdt.find_node("/cpus").into_iter().flat_map(|node| node.children());
        cpus.filter(|node| node.property("device_type").and_then(|property| property.as_str()) == Some("cpu"))
            .filter_map(|node| node.property("reg").map(|property| big_endian(property.value)))
    }

    /// How the firmware is called, or none if it has no PSCI.
    pub fn psci_conduit(&self) -> Result<Option<Conduit>, DeviceTreeError> {
        let Some(node) = self.fdt.find_compatible(&["arm,psci-1.0", "arm,psci-0.2"]) else { return Ok(None) };
        match node.property("method").and_then(|property| property.as_str()) {
            Some("hvc") => Ok(Some(Conduit::Hvc)),
            Some("smc") => Ok(Some(Conduit::Smc)),
            _ => Err(DeviceTreeError::BadProperty("psci", "method")),
        }
    }

    /// The GICv3.
    pub fn gic(&self) -> Result<GicRegions, DeviceTreeError> {
        let node = self.compatible("arm,gic-v3")?;
        let bad = DeviceTreeError::BadProperty("arm,gic-v3", "reg");
        let mut regions = regions(node);
        match (regions.next(), regions.next()) {
            (Some(distributor), Some(redistributors)) => Ok(GicRegions { distributor, redistributors }),
            _ => Err(bad),
        }
    }

    /// The PL011s.
    pub fn serial_ports(&self) -> Result<SerialPorts, DeviceTreeError> {
        let node = self.standard_output().map_or_else(|| self.compatible(PL011), Ok)?;
        let terminal_interrupt = shared_interrupt(node).ok_or(DeviceTreeError::BadProperty(PL011, "interrupts"))?;
        let terminal = regions(node).next().ok_or(DeviceTreeError::BadProperty(PL011, "reg"))?;
        let mut ports = self.fdt.all_nodes().filter(is_pl011).filter_map(|node| regions(node).next());
        let log = ports.find(|port| port.start != terminal.start).unwrap_or_else(|| terminal.clone());
        Ok(SerialPorts { terminal, log, terminal_interrupt })
    }

    /// The PL011 that the boot loader takes for the console.
    fn standard_output(&self) -> Option<FdtNode<'_, 'static>> {
        let path = self.fdt.find_node("/chosen")?.property("stdout-path")?.as_str()?;
        // Options of the port may follow a colon.
        self.fdt.find_node(path.split(':').next()?).filter(is_pl011)
    }

    /// The clock that tells the time of day, a PL031, if there is one.
    pub fn real_time_clock(&self) -> Option<PhysicalRange> {
        regions(self.fdt.find_compatible(&["arm,pl031"])?).next()
    }

    /// The interrupt (INTID) of the EL1 virtual timer: the third of the timer node's, a private peripheral interrupt.
    pub fn virtual_timer_interrupt(&self) -> Result<u32, DeviceTreeError> {
        let bad = DeviceTreeError::BadProperty("arm,armv8-timer", "interrupts");
        private_interrupt(self.compatible("arm,armv8-timer")?, 2).ok_or(bad)
    }

    /// The interrupt (INTID) of the CPUs' performance counters, a private one, if they have any.
    pub fn counter_interrupt(&self) -> Option<u32> {
        private_interrupt(self.fdt.find_compatible(&["arm,armv8-pmuv3"])?, 0)
    }

    /// The kernel command line, empty if there is none.
    pub fn command_line(&self) -> &'static str {
        let chosen = self.fdt.find_node("/chosen");
        chosen.and_then(|node| node.property("bootargs")).and_then(|property| property.as_str()).unwrap_or("")
    }

    /// Random bytes from the boot loader, empty if it passed none.
    pub fn random_seed(&self) -> &'static [u8] {
        let chosen = self.fdt.find_node("/chosen");
        chosen.and_then(|node| node.property("rng-seed")).map_or(&[], |property| property.value)
    }

    /// Where the boot loader put the initial RAM disk, if it did.
    pub fn initrd(&self) -> Result<Option<PhysicalRange>, DeviceTreeError> {
        let Some(chosen) = self.fdt.find_node("/chosen") else { return Ok(None) };
        let address = |name| chosen.property(name).map(|property| PhysicalAddress(big_endian(property.value) as usize));
        match (address("linux,initrd-start"), address("linux,initrd-end")) {
            (None, None) => Ok(None),
            (Some(start), Some(end)) if start <= end => Ok(Some(start..end)),
            _ => Err(DeviceTreeError::BadProperty("chosen", "linux,initrd-start")),
        }
    }

    fn compatible(&self, name: &'static str) -> Result<FdtNode<'_, 'static>, DeviceTreeError> {
        self.fdt.find_compatible(&[name]).ok_or(DeviceTreeError::MissingNode(name))
    }
}

/// The bytes of a physical range that nobody writes, such as the initial RAM disk.
///
/// # Safety
/// `range` lies in RAM, is reserved in `frames`, and is never written.
pub unsafe fn bytes(range: &PhysicalRange) -> &'static [u8] {
    // SAFETY: the linear map shows all of RAM; the caller promises the rest.
    unsafe { slice::from_raw_parts(layout::linear(range.start), range.end - range.start) }
}

fn is_pl011(node: &FdtNode) -> bool {
    node.compatible().is_some_and(|names| names.all().any(|name| name == PL011))
}

/// The first interrupt (INTID) of a device, which all CPUs share.
fn shared_interrupt(node: FdtNode) -> Option<u32> {
    const SHARED: u64 = 0;
    const FIRST: u32 = 32;
    let mut cells = node.property("interrupts")?.value.chunks_exact(4).map(big_endian);
    match (cells.next(), cells.next()) {
        (Some(SHARED), Some(number @ 0..988)) => Some(FIRST + number as u32),
        _ => None,
    }
}

/// The interrupt (INTID) that a device lists at `index`, one that each CPU has of its own.
fn private_interrupt(node: FdtNode, index: usize) -> Option<u32> {
    const CELLS_EACH: usize = 3;
    const PRIVATE: u64 = 1;
    const FIRST: u32 = 16;
    let mut cells = node.property("interrupts")?.value.chunks_exact(4).map(big_endian).skip(index * CELLS_EACH);
    match (cells.next(), cells.next()) {
        (Some(PRIVATE), Some(number @ 0..16)) => Some(FIRST + number as u32),
        _ => None,
    }
}

fn regions(node: FdtNode<'_, 'static>) -> impl Iterator<Item = PhysicalRange> {
    node.reg().into_iter().flatten().filter_map(|region| {
        let start = PhysicalAddress(region.starting_address as usize);
        region.size.map(|size| start..start + size)
    })
}

/// The value of one or two big-endian cells.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}
