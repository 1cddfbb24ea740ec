//! Functions of an object file, with what each instruction refers to: code before the linker has put it anywhere.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};
use object::{Object as _, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};
use vestibule_counter::control::{Flow, flow};

/// What was compiled.
pub struct Object {
    pub functions: Vec<Function>,
    /// The functions that each table of pointers holds.
    pub tables: HashMap<String, Vec<usize>>,
}

/// One function.
pub struct Function {
    pub name: String,
    pub section: String,
    pub instructions: Vec<Instruction>,
}

/// One instruction. Two that are equal do the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Without what depends on where things lie.
    pub word: u32,
    pub refers: Option<Refers>,
}

/// What an instruction refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refers {
    /// A function of this object, and how far into it.
    Function(usize, i64),
    /// Something in another object.
    Hook(String),
    /// Constant bytes.
    Bytes(Vec<u8>),
}

type File<'a> = object::File<'a>;
/// The number of a section, and an address in it.
type Place = (usize, u64);

impl Object {
    /// Reads an object file and the tables of function pointers with these names in it.
    pub fn read(bytes: &[u8], tables: &[&str]) -> Result<Self> {
        let file = File::parse(bytes).context("not an object file")?;
        let places = Places::of(&file);
        let functions = places.functions.iter().map(|(place, symbol)| function(&file, &places, *place, symbol));
        let functions = functions.collect::<Result<_>>()?;
        let tables = tables.iter().map(|name| Ok(((*name).to_owned(), table(&file, &places, name)?)));
        Ok(Self { functions, tables: tables.collect::<Result<_>>()? })
    }
}

impl Function {
    /// The functions of this object that it refers to, in the order in which it does.
    pub fn called(&self) -> Vec<usize> {
        let called = self.instructions.iter().filter_map(|instruction| match instruction.refers {
            Some(Refers::Function(number, 0)) => Some(number),
            _ => None,
        });
        called.collect()
    }

    /// What it refers to in other objects.
    pub fn hooks(&self) -> impl Iterator<Item = &str> {
        self.instructions.iter().filter_map(|instruction| match &instruction.refers {
            Some(Refers::Hook(name)) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Where functions lie, in order.
struct Places {
    functions: BTreeMap<Place, Symbol>,
}

struct Symbol {
    index: usize,
    name: String,
    size: u64,
}

impl Places {
    fn of(file: &File<'_>) -> Self {
        let mut functions = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
            if let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) {
                let name = format!("{:#}", rustc_demangle::demangle(name));
                functions.insert((section.0, symbol.address()), Symbol { index: 0, name, size: symbol.size() });
            }
        }
        for (index, symbol) in functions.values_mut().enumerate() {
            symbol.index = index;
        }
        Self { functions }
    }

    fn function(&self, (section, address): Place) -> Option<Refers> {
        let (place, symbol) = self.functions.range(..=(section, address)).next_back()?;
        let within = place.0 == section && address < place.1 + symbol.size;
        within.then(|| Refers::Function(symbol.index, (address - place.1) as i64))
    }
}

fn function(file: &File<'_>, places: &Places, (section, start): Place, symbol: &Symbol) -> Result<Function> {
    let section = file.section_by_index(SectionIndex(section))?;
    let bytes = section.data()?.get(start as usize..(start + symbol.size) as usize);
    let (words, _) = bytes.context("a function is larger than its section")?.as_chunks::<4>();
    let mut relocations = HashMap::new();
    for (address, relocation) in section.relocations() {
        if (start..start + symbol.size).contains(&address) {
            relocations.insert(address, refers(file, places, relocation.target(), relocation.addend())?);
        }
    }
    let mut instructions = Vec::new();
    for (word, address) in words.iter().map(|word| u32::from_le_bytes(*word)).zip((start..).step_by(4)) {
        instructions.push(match relocations.remove(&address) {
            Some(refers) => Instruction { word, refers: Some(refers) },
            None => settled(places, section.index().0, address, word, start..start + symbol.size)?,
        });
    }
    Ok(Function { name: symbol.name.clone(), section: section.name()?.to_owned(), instructions })
}

/// What the assembler had already settled: branches within a section.
fn settled(
    places: &Places,
    section: usize,
    address: u64,
    word: u32,
    function: std::ops::Range<u64>,
) -> Result<Instruction> {
    let distance = match flow(word) {
        Flow::Jump(distance) | Flow::Call(distance) => distance,
        _ => return Ok(Instruction { word, refers: None }),
    };
    let to = address.wrapping_add_signed(distance);
    if function.contains(&to) && matches!(flow(word), Flow::Jump(_)) {
        return Ok(Instruction { word, refers: None });
    }
    let refers = places.function((section, to)).with_context(|| format!("a branch goes to {to:#x}, outside all"))?;
    Ok(Instruction { word: word & 0xfc00_0000, refers: Some(refers) })
}

fn refers(file: &File<'_>, places: &Places, target: RelocationTarget, addend: i64) -> Result<Refers> {
    let RelocationTarget::Symbol(index) = target else { bail!("a relocation of an unknown kind") };
    let symbol = file.symbol_by_index(index)?;
    let Some(section) = symbol.section_index() else { return Ok(Refers::Hook(symbol.name()?.to_owned())) };
    let address = symbol.address().wrapping_add_signed(addend);
    if let Some(function) = places.function((section.0, address)) {
        return Ok(function);
    }
    let bytes = file.section_by_index(section)?.data()?.get(address as usize..);
    Ok(Refers::Bytes(bytes.context("a relocation goes beyond its section")?.to_vec()))
}

/// The functions in the table of pointers `name`, in order.
fn table(file: &File<'_>, places: &Places, name: &str) -> Result<Vec<usize>> {
    let table = file.symbol_by_name(name).with_context(|| format!("no table {name}"))?;
    let section = file.section_by_index(table.section_index().with_context(|| format!("{name} is somewhere else"))?)?;
    let range = table.address()..table.address() + table.size();
    let mut functions = BTreeMap::new();
    for (address, relocation) in section.relocations().filter(|(address, _)| range.contains(address)) {
        match refers(file, places, relocation.target(), relocation.addend())? {
            Refers::Function(function, 0) => functions.insert(address, function),
            other => bail!("{name} holds {other:?}, which is no function"),
        };
    }
    Ok(functions.into_values().collect())
}
