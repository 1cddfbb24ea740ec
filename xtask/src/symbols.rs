//! Names and source lines for addresses in the kernel.

use std::fmt::Write;
use std::path::Path;

use addr2line::Loader;
use anyhow::{Result, anyhow};

/// The symbols and debug information of one ELF file.
pub struct Symbols {
    loader: Loader,
}

impl Symbols {
    pub fn read(elf: &Path) -> Result<Self> {
        let loader = Loader::new(elf).map_err(|error| anyhow!("no symbols in {}: {error}", elf.display()))?;
        Ok(Self { loader })
    }

    /// Where `address` is: `function (file:line)`, with `<-` before each function it was inlined into.
    pub fn describe(&self, address: u64) -> String {
        let mut text = String::new();
        if let Ok(mut frames) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let Some(function) = frame.function.as_ref().and_then(|function| function.demangle().ok()) else {
                    continue;
                };
                let separator = if text.is_empty() { "" } else { " <- " };
                let _ = write!(text, "{separator}{function}");
                if let Some(place) = frame.location {
                    let file = place.file.unwrap_or("?");
                    let _ = write!(text, " ({file}:{})", place.line.unwrap_or(0));
                }
            }
        }
        match (text.is_empty(), self.loader.find_symbol(address)) {
            (false, _) => text,
            (true, Some(symbol)) => addr2line::demangle_auto(symbol.into(), None).into_owned(),
            (true, None) => "not in the kernel".into(),
        }
    }
}
