//! The names of the kernel's functions. The linker leaves room for them; whoever makes the boot image of the ELF file fills
//! it, because only then the addresses are known. Without them, addresses are all there is to print.
//!
//! ```text
//! count: u32, size of the names: u32
//! count times: offset of a function from the beginning of the text, offset of its name in the names: u32 each, in order
//! names, each ending with a zero
//! ```

use core::fmt;
use core::hint::black_box;

use crate::layout;

const ROOM: usize = 512 << 10;
const HEADER: usize = 8;
const ENTRY: usize = 8;

#[repr(C, align(8))]
struct Table([u8; ROOM]);

#[used]
#[unsafe(link_section = ".symbols")]
static TABLE: Table = Table([0; ROOM]);

/// The table as it is in memory, not as it was compiled.
fn table() -> &'static [u8] {
    &black_box(&TABLE).0
}

fn word(at: usize) -> Option<usize> {
    let bytes = table().get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

/// How many functions are known.
pub fn count() -> usize {
    word(0).unwrap_or(0).min((ROOM - HEADER) / ENTRY)
}

/// The number of the function that `address` is in.
pub fn function(address: u64) -> Option<usize> {
    let text = layout::image().text;
    let offset = usize::try_from(address).ok().filter(|address| text.contains(address))? - text.start;
    let (mut low, mut high) = (0, count());
    while low < high {
        let middle = low.midpoint(high);
        if word(HEADER + ENTRY * middle)? <= offset { low = middle + 1 } else { high = middle }
    }
    low.checked_sub(1)
}

/// The name of a function.
pub fn name(function: usize) -> Option<&'static str> {
    let entry = HEADER + ENTRY * function;
    let names = HEADER + ENTRY * count();
    let name = table().get(names + word(entry + 4)?..)?;
    let length = name.iter().position(|byte| *byte == 0)?;
    core::str::from_utf8(&name[..length]).ok()
}

/// An address, printed as `function+0x10`.
pub struct Place(pub u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = function(self.0);
        let Some((function, name)) = found.and_then(|function| Some((function, name(function)?))) else {
            return write!(f, "{:#018x}", self.0);
        };
        let start = word(HEADER + ENTRY * function).unwrap_or(0) + layout::image().text.start;
        write!(f, "{name}+{:#x}", self.0 - start as u64)
    }
}
