//! The names of the kernel's functions, as the kernel reads them from memory: its `symbols.rs` has the form.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

/// What the kernel calls the room for it.
const ROOM: &str = "TABLE";
const ROOM_OWNER: &str = "symbols";
/// Of longer names the rest is left out.
const LONGEST: usize = 100;

/// Where the kernel has room for the table.
pub struct NameTable {
    /// Its virtual addresses.
    pub room: Range<u64>,
}

impl NameTable {
    /// None in a kernel that has no such room.
    pub fn find(elf: &[u8]) -> Result<Option<NameTable>> {
        let Ok(file) = object::File::parse(elf) else { return Ok(None) };
        let is_room = |symbol: &object::Symbol| {
            symbol.name().is_ok_and(|name| {
                let name = format!("{:#}", demangle(name));
                name.ends_with(&format!("::{ROOM_OWNER}::{ROOM}"))
            })
        };
        let found = file.symbols().find(is_room);
        Ok(found.map(|symbol| NameTable { room: symbol.address()..symbol.address() + symbol.size() }))
    }

    /// How many bytes there are.
    pub fn length(&self) -> usize {
        (self.room.end - self.room.start) as usize
    }

    /// The table, as large as the room.
    pub fn table(&self, elf: &[u8]) -> Result<Vec<u8>> {
        let functions = functions(elf)?;
        let start = image_start(elf)?;
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for (address, name) in &functions {
            let offset = u32::try_from(address - start).context("a function far from the others")?;
            entries.extend(offset.to_le_bytes());
            entries.extend(u32::try_from(names.len())?.to_le_bytes());
            names.extend(name.as_bytes());
            names.push(0);
        }
        let mut table = Vec::new();
        table.extend(u32::try_from(functions.len())?.to_le_bytes());
        table.extend(u32::try_from(names.len())?.to_le_bytes());
        table.extend(entries);
        table.extend(names);
        if table.len() > self.length() {
            bail!(
                "the names of {} functions take {} bytes, and there is room for {}",
                functions.len(),
                table.len(),
                self.length()
            );
        }
        table.resize(self.length(), 0);
        Ok(table)
    }
}

/// Each function's address and name, by address; of several at one address the first name.
fn functions(elf: &[u8]) -> Result<Vec<(u64, String)>> {
    let file = object::File::parse(elf).context("this is no ELF file")?;
    let mut functions: Vec<(u64, String)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| Some((symbol.address(), short(symbol.name().ok()?))))
        .filter(|(_, name)| !name.is_empty() && !name.starts_with('$'))
        .collect();
    functions.sort();
    functions.dedup_by_key(|(address, _)| *address);
    Ok(functions)
}

fn image_start(elf: &[u8]) -> Result<u64> {
    let file = object::File::parse(elf).context("this is no ELF file")?;
    let found = file.symbols().find(|symbol| symbol.name() == Ok("__image_start"));
    found.map(|symbol| symbol.address()).context("the kernel has no __image_start")
}

/// As a person wants to read it: without a hash, and not longer than fits a line.
fn short(name: &str) -> String {
    format!("{:#}", demangle(name)).chars().filter(char::is_ascii).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_readable() {
        assert_eq!(short("_ZN6kernel3nmi6handle17h0123456789abcdefE"), "kernel::nmi::handle");
        assert_eq!(short("_head"), "_head");
        assert_eq!(short(&"x".repeat(200)).len(), LONGEST);
    }
}
