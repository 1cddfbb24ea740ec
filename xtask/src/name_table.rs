//! The names of the kernel's functions, as the kernel reads them from memory: its `symbols.rs` has the form.

use anyhow::{Context, Result, bail};
use object::{File, Object, ObjectSymbol, Symbol, SymbolKind};
use rustc_demangle::demangle;

/// What the kernel calls the room for it.
const ROOM: &str = "::symbols::TABLE";
/// Of longer names the rest is left out.
const LONGEST: usize = 100;

/// The room that a kernel has for the table.
pub struct NameTable<'elf> {
    file: File<'elf>,
    /// Its virtual address.
    pub address: u64,
    /// How many bytes there are.
    pub length: usize,
}

impl<'elf> NameTable<'elf> {
    /// None in a kernel that has no such room.
    pub fn find(elf: &'elf [u8]) -> Option<NameTable<'elf>> {
        let file = File::parse(elf).ok()?;
        let is_room = |symbol: &Symbol| symbol.name().is_ok_and(|name| readable(name).ends_with(ROOM));
        let (address, length) = file.symbols().find(is_room).map(|room| (room.address(), room.size() as usize))?;
        Some(NameTable { file, address, length })
    }

    /// The table, as large as the room.
    pub fn table(&self) -> Result<Vec<u8>> {
        let functions = self.functions();
        let start = self.file.symbol_by_name("__image_start").context("the kernel has no __image_start")?.address();
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for (address, name) in &functions {
            let offset = u32::try_from(address - start).context("a function far from the others")?;
            entries.extend(offset.to_le_bytes());
            entries.extend(u32::try_from(names.len())?.to_le_bytes());
            names.extend(name.as_bytes());
            names.push(0);
        }
        let sizes = [u32::try_from(functions.len())?, u32::try_from(names.len())?].map(u32::to_le_bytes);
        let mut table = [sizes.concat(), entries, names].concat();
        if table.len() > self.length {
            let (count, room) = (functions.len(), self.length);
            bail!("the names of {count} functions take {} bytes, and there is room for {room}", table.len());
        }
        table.resize(self.length, 0);
        Ok(table)
    }

    /// Each function's address and name, by address; of several at one address the first name.
    fn functions(&self) -> Vec<(u64, String)> {
        let symbols = self.file.symbols();
        let mut functions: Vec<(u64, String)> = symbols
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
            .filter_map(|symbol| Some((symbol.address(), short(symbol.name().ok()?))))
            .filter(|(_, name)| !name.is_empty() && !name.starts_with('$'))
            .collect();
        functions.sort();
        functions.dedup_by_key(|(address, _)| *address);
        functions
    }
}

/// Without a hash.
fn readable(name: &str) -> String {
    format!("{:#}", demangle(name))
}

/// As a person wants to read it: without a hash, and not longer than fits a line.
fn short(name: &str) -> String {
    readable(name).chars().filter(char::is_ascii).take(LONGEST).collect()
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
