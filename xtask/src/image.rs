//! The kernel's ELF file made into an arm64 boot image: the bytes of memory, flat.
//!
//! QEMU gives a kernel its device tree, program and command line only if the kernel is such an image, which it knows
//! by a header in the first 64 bytes. The header is the kernel's own; here it is only looked for.

use anyhow::{Context, Result, bail};
use object::elf::{FileHeader64, PT_LOAD};
use object::endian::LittleEndian;
use object::read::elf::{FileHeader, ProgramHeader};

use crate::name_table::NameTable;

/// Where the header has its magic number.
const MAGIC: std::ops::Range<usize> = 56..60;

/// More would not fit the machine, and means that a segment lies where no memory is.
const LARGEST: u64 = 64 << 20;

/// Lays the loadable segments of `elf` out by physical address, the lowest first, gaps filled with zeros. Where the kernel has
/// left room for the names of its functions, they are written.
pub fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let segments = segments(elf)?;
    let start = segments.iter().map(|segment| segment.address).min().context("the kernel has nothing to load")?;
    let mut image = Vec::new();
    for Segment { address, bytes, .. } in &segments {
        let offset = address - start;
        if offset.saturating_add(bytes.len() as u64) > LARGEST {
            bail!("the kernel's segments are too far apart: one at {start:#x}, one at {address:#x} (physical)");
        }
        let end = offset as usize + bytes.len();
        image.resize(image.len().max(end), 0);
        image[offset as usize..end].copy_from_slice(bytes);
    }
    if image.get(MAGIC) != Some(b"ARM\x64") {
        bail!("the kernel does not start with an arm64 image header: no \"ARM\\x64\" at byte {}", MAGIC.start);
    }
    if let Some(names) = NameTable::find(elf) {
        let room = segments.iter().find_map(|segment| {
            let within = names.address.checked_sub(segment.virtual_address)? as usize;
            let fits = within + names.length <= segment.bytes.len();
            fits.then(|| (segment.address - start) as usize + within)
        });
        let at = room.context("the room for the names of functions is in no segment")?;
        image[at..at + names.length].copy_from_slice(&names.table()?);
    }
    Ok(image)
}

/// A part of a program that is loaded into memory.
pub struct Segment<'elf> {
    /// Where it lies physically.
    pub address: u64,
    /// Where the program, once it has the MMU on, finds it.
    pub virtual_address: u64,
    /// What the file has of it; zeros may follow in memory.
    pub bytes: &'elf [u8],
}

/// The loadable segments of `elf` that are not empty.
pub fn segments(elf: &[u8]) -> Result<Vec<Segment<'_>>> {
    let header = FileHeader64::<LittleEndian>::parse(elf).context("this is not a 64-bit ELF file")?;
    let endian = header.endian()?;
    let mut segments = Vec::new();
    for program in header.program_headers(endian, elf)? {
        let address = program.p_paddr(endian);
        let Ok(bytes) = program.data(endian, elf) else {
            bail!("the segment at {address:#x} reaches past the end of its file");
        };
        if program.p_type(endian) == PT_LOAD && !bytes.is_empty() {
            segments.push(Segment { address, virtual_address: program.p_vaddr(endian), bytes });
        }
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with one loadable segment for each physical address and content.
    fn elf(segments: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
        let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
        let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
        half(&mut file, 2); // executable
        half(&mut file, 183); // arm64
        word(&mut file, 1);
        [0, 64, 0].into_iter().for_each(|value| long(&mut file, value)); // entry, program headers, sections
        word(&mut file, 0);
        [64, 56, segments.len() as u16, 64, 0, 0].into_iter().for_each(|value| half(&mut file, value));
        let mut offset = 64 + 56 * segments.len() as u64;
        for (address, bytes) in segments {
            word(&mut file, 1); // loadable
            word(&mut file, 7);
            let size = bytes.len() as u64;
            let virtual_address = 0xffff_0000_0000_0000 | address;
            [offset, virtual_address, *address, size, size + 64, 1]
                .into_iter()
                .for_each(|value| long(&mut file, value));
            offset += size;
        }
        segments.iter().for_each(|(_, bytes)| file.extend(*bytes));
        file
    }

    fn header() -> Vec<u8> {
        let mut header = vec![0; 64];
        header[MAGIC].copy_from_slice(b"ARM\x64");
        header
    }

    #[test]
    fn lays_segments_out_by_physical_address() {
        let image = flatten(&elf(&[(0x4020_0050, b"data"), (0x4020_0000, &header())])).unwrap();
        assert_eq!(image.len(), 0x54);
        assert_eq!(image[..64], header());
        assert_eq!(image[64..0x50], [0; 16]);
        assert_eq!(&image[0x50..], b"data");
    }

    #[test]
    fn refuses_a_kernel_without_the_header() {
        let error = flatten(&elf(&[(0x4020_0000, &[0; 64])])).unwrap_err().to_string();
        assert!(error.contains("image header"), "{error}");
        assert!(flatten(&elf(&[(0x4020_0000, b"short")])).is_err());
    }

    #[test]
    fn refuses_what_is_no_kernel() {
        assert!(flatten(b"#!/bin/sh\n").is_err());
        assert!(flatten(&elf(&[])).is_err());
        let far = flatten(&elf(&[(0x4020_0000, &header()), (0xffff_0000_4020_0000, b"x")])).unwrap_err().to_string();
        assert!(far.contains("too far apart"), "{far}");
        let mut cut = elf(&[(0x4020_0000, &header())]);
        cut.truncate(cut.len() - 1);
        assert!(flatten(&cut).unwrap_err().to_string().contains("past the end"));
    }
}
