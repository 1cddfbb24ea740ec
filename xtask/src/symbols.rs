//! Names and source lines for the addresses a machine runs at.

use std::fs;
use std::ops::Range;
use std::path::Path;

use addr2line::gimli::Reader;
use addr2line::{Frame, Loader};
use anyhow::{Result, anyhow};

use crate::image;

/// The symbols and debug information of the kernel and of the program on it.
pub struct Symbols {
    kernel: Loader,
    /// Absent if it is not known, or its file has none.
    program: Option<Loader>,
    /// Where the kernel's parts lie physically, each with its virtual address: code that runs before the MMU is on.
    physical: Vec<(Range<u64>, u64)>,
}

impl Symbols {
    pub fn read(kernel: &Path, program: Option<&Path>) -> Result<Self> {
        let elf = fs::read(kernel)?;
        let physical = image::segments(&elf)?.into_iter().map(|segment| {
            let end = segment.address + segment.bytes.len() as u64;
            (segment.address..end, segment.virtual_address)
        });
        let physical = physical.collect();
        let kernel = Loader::new(kernel).map_err(|error| anyhow!("no symbols in {}: {error}", kernel.display()))?;
        Ok(Self { kernel, program: program.and_then(|program| Loader::new(program).ok()), physical })
    }

    /// Where `address` is: `function (file:line)`, the innermost first if functions were inlined there.
    pub fn describe(&self, address: u64) -> Vec<String> {
        let unmapped = self.physical.iter().find(|(range, _)| range.contains(&address));
        let mapped = unmapped.map(|(range, virtual_address)| address - range.start + virtual_address);
        let places =
            [(Some(&self.kernel), Some(address)), (self.program.as_ref(), Some(address)), (Some(&self.kernel), mapped)];
        let names = places.into_iter().filter_map(|(loader, address)| Some(names(loader?, address?)));
        names.into_iter().find(|names| !names.is_empty()).unwrap_or_else(|| vec!["no symbol".into()])
    }
}

/// The functions at `address`; none if it is not in this file.
fn names(loader: &Loader, address: u64) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(mut frames) = loader.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            names.extend(name(&frame));
        }
    }
    // A symbol reaches to the next one, and the last one to the end of the address space: outside the code none is right.
    let code = loader.get_section_range(b".text");
    if names.is_empty() && code.is_some_and(|code| (code.begin..code.end).contains(&address)) {
        let symbol = loader.find_symbol(address);
        names.extend(symbol.map(|symbol| addr2line::demangle_auto(symbol.into(), None).into_owned()));
    }
    names
}

fn name<R: Reader>(frame: &Frame<'_, R>) -> Option<String> {
    let function = frame.function.as_ref()?.demangle().ok()?;
    let place = frame.location.as_ref().and_then(|place| Some(format!(" ({}:{})", place.file?, place.line?)));
    Some(format!("{function}{}", place.unwrap_or_default()))
}
