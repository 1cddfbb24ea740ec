//! Machine code with names: the text of a linked kernel, and which part of it is entry text.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

const INSTRUCTION: u64 = 4;

/// A kernel's code.
pub struct Code {
    base: u64,
    words: Vec<u32>,
    entry: Range<u64>,
    names: BTreeMap<u64, Name>,
}

struct Name {
    text: String,
    is_function: bool,
}

impl Code {
    /// The section `.text` of a linked ELF file. `__entry_text_start` and `__entry_text_end` delimit entry text.
    pub fn read(elf: &[u8]) -> Result<Self> {
        let file = object::File::parse(elf).context("not an ELF file")?;
        let text = file.section_by_name(".text").context("no section .text")?;
        let (base, bytes) = (text.address(), text.data()?);
        let symbol = |name| file.symbol_by_name(name).map(|symbol| symbol.address());
        let limit = |name| symbol(name).with_context(|| format!("no symbol {name}: where is entry text?"));
        let names = file.symbols().filter(|symbol| symbol.section_index() == Some(text.index()));
        let names = names.filter_map(|symbol| {
            let is_function = symbol.kind() == SymbolKind::Text && symbol.size() > 0;
            Some((symbol.address(), symbol.name().ok()?, is_function))
        });
        Self::new(base, words(bytes), limit("__entry_text_start")?..limit("__entry_text_end")?, names)
    }

    /// The code `words` at `base`, with (address, mangled name, is a function) of what lies there.
    pub fn new<'a>(
        base: u64,
        words: Vec<u32>,
        entry: Range<u64>,
        symbols: impl Iterator<Item = (u64, &'a str, bool)>,
    ) -> Result<Self> {
        let mut names = BTreeMap::<u64, Name>::new();
        for (address, name, is_function) in symbols.filter(|(_, name, _)| !name.starts_with(['$', '.'])) {
            // A function's name is better than a label's at the same place.
            if is_function || names.get(&address).is_none_or(|other| !other.is_function) {
                let text = format!("{:#}", rustc_demangle::demangle(name));
                names.insert(address, Name { text, is_function });
            }
        }
        let code = Self { base, words, entry, names };
        if code.entry.is_empty() || code.word(code.entry.start).is_none() || code.word(code.entry.end - 1).is_none() {
            bail!("entry text at {:#x?} is empty, or not in .text", code.entry);
        }
        Ok(code)
    }

    /// The instruction at `address`.
    pub fn word(&self, address: u64) -> Option<u32> {
        let index = address.checked_sub(self.base)? / INSTRUCTION;
        self.words.get(usize::try_from(index).ok()?).copied()
    }

    /// Where entry text lies. It begins with the vector table.
    pub fn entry(&self) -> Range<u64> {
        self.entry.clone()
    }

    /// The name of what `address` lies in, and where that begins.
    pub fn place(&self, address: u64) -> (&str, u64) {
        let below = self.names.range(..=address).next_back();
        below.map_or(("no symbol", self.base), |(start, name)| (name.text.as_str(), *start))
    }

    /// The functions whose names end with `name`, and where they begin.
    pub fn functions_named(&self, name: &str) -> Vec<u64> {
        self.functions().filter(|(_, function)| bare(function).ends_with(name)).map(|(address, _)| address).collect()
    }

    /// Where each function begins, with its name.
    pub fn functions(&self) -> impl Iterator<Item = (u64, &str)> {
        self.names.iter().filter(|(_, name)| name.is_function).map(|(address, name)| (*address, name.text.as_str()))
    }

    /// Where the function that begins at `start` ends: at the next name, or with the text.
    pub fn end(&self, start: u64) -> u64 {
        let next = self.names.range(start + 1..).next().map(|(address, _)| *address);
        next.unwrap_or(self.base + self.words.len() as u64 * INSTRUCTION)
    }
}

/// The name without the generic arguments that one mangling writes and the other does not.
fn bare(name: &str) -> &str {
    name.split_once("::<").map_or(name, |(bare, _)| bare)
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
