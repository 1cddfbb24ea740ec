//! What the kernel is told of the machine.

use core::ptr::without_provenance_mut;

use fdt::Fdt;
use shim::KERNEL;

/// Memory begins with the kernel's image, and not with ours. Before: `blob` is the boot loader's device tree, and nobody else reads
/// it.
pub fn hide_shim(blob: u64) {
    let region = memory(blob)
        .unwrap_or_else(|| panic!("no memory that begins below the kernel in the device tree at {blob:#x}"));
    let (start, size): (*mut [u8; 8], *mut [u8; 8]) =
        (without_provenance_mut(region), without_provenance_mut(region + 8));
    // SAFETY: both lie in the blob, which nobody borrows any more; byte arrays need no alignment.
    unsafe {
        let hidden = KERNEL - u64::from_be_bytes(*start);
        *start = KERNEL.to_be_bytes();
        *size = (u64::from_be_bytes(*size) - hidden).to_be_bytes();
    }
}

/// Where the blob has the address and the size of the memory that the kernel lies in.
fn memory(blob: u64) -> Option<usize> {
    // SAFETY: the boot protocol says that it is a device tree; its magic is checked first.
    let tree = unsafe { Fdt::from_ptr(core::ptr::without_provenance(blob as usize)) }.ok()?;
    let is_memory = |node: &fdt::node::FdtNode| {
        node.property("device_type").and_then(|property| property.as_str()) == Some("memory")
    };
    let reg = tree.all_nodes().find(is_memory)?.property("reg")?.value;
    let word = |at: usize| reg.get(at..at + 8).map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")));
    let (start, size) = (word(0)?, word(8)?);
    (start <= KERNEL && KERNEL - start < size).then_some(reg.as_ptr() as usize)
}
