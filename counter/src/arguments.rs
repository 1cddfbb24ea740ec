//! The `key=value` arguments of the plugin.

use std::ops::Range;
use std::path::PathBuf;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `None`: whatever the CPU's VBAR_EL1 holds.
    pub vector_base: Option<u64>,
    pub entry_text: Vec<Range<u64>>,
    pub task_switch: Option<u64>,
    pub out: Option<PathBuf>,
}

impl Arguments {
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Arguments, String> {
        let mut parsed = Arguments::default();
        for argument in arguments {
            let (key, value) = argument.split_once('=').ok_or_else(|| format!("`{argument}` is not key=value"))?;
            match key {
                "vbar" => parsed.vector_base = Some(address(argument, value)?),
                "text" => parsed.entry_text.push(range(argument, value)?),
                "switch" => parsed.task_switch = Some(address(argument, value)?),
                "out" => parsed.out = Some(value.into()),
                _ => return Err(format!("`{argument}`: the keys are vbar, text, switch, out")),
            }
        }
        Ok(parsed)
    }

    pub fn is_entry_text(&self, address: u64) -> bool {
        self.entry_text.iter().any(|range| range.contains(&address))
    }
}

fn range(argument: &str, value: &str) -> Result<Range<u64>, String> {
    let (start, end) = value.split_once('-').ok_or_else(|| format!("`{argument}`: not START-END"))?;
    let range = address(argument, start)?..address(argument, end)?;
    if range.is_empty() { Err(format!("`{argument}`: the range is empty")) } else { Ok(range) }
}

fn address(argument: &str, value: &str) -> Result<u64, String> {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    u64::from_str_radix(digits, 16).map_err(|error| format!("`{argument}`: `{value}` is no hex address: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys() {
        let given = ["vbar=0xffff800000010800", "text=1000-1004", "text=0x2000-0x3000", "switch=40", "out=counts.json"];
        let parsed = Arguments::parse(given).unwrap();
        assert_eq!(parsed.vector_base, Some(0xffff_8000_0001_0800));
        assert_eq!(parsed.task_switch, Some(0x40));
        assert_eq!(parsed.out, Some("counts.json".into()));
        assert!(parsed.is_entry_text(0x1000) && parsed.is_entry_text(0x2ffc));
        assert!(!parsed.is_entry_text(0x1004) && !parsed.is_entry_text(0x3000));
    }

    #[test]
    fn errors_name_the_argument() {
        for bad in ["vbar", "vbar=xyz", "text=4-4", "text=4", "txt=0-4"] {
            let message = Arguments::parse([bad]).unwrap_err();
            assert!(message.contains(bad), "{message}");
        }
    }
}
