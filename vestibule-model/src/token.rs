//! An execution as a word that a person can paste: which design and family, which events there were, what was decided, and
//! what it broke.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE32_NOPAD;

use crate::backend::Backend;
use crate::event::{Event, Events};
use crate::explore::Counterexample;
use crate::family::Family;
use crate::oracle::Choice;
use crate::world::{Limits, Reductions};

/// What a token stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The design: [`SHIPPED`], or a variant's name.
    pub variant: String,
    /// The backend.
    pub backend: String,
    /// The family.
    pub family: String,
    /// The events that there were.
    pub events: Events,
    /// What was left out.
    pub reductions: Reductions,
    /// The constraint that was broken.
    pub constraint: u16,
    /// What was decided, other than that nothing happens.
    pub decisions: Vec<Choice>,
}

/// What tokens and reports call the design that is no variant.
pub const SHIPPED: &str = "shipped";

const VERSION: u8 = 4;
const CHECK: usize = 3;

impl Token {
    /// The token of this counterexample.
    pub fn of(variant: &str, (backend, family): (Backend, Family), limits: Limits, example: &Counterexample) -> Token {
        Token {
            variant: variant.into(),
            backend: backend.name().into(),
            family: family.name().into(),
            events: limits.events,
            reductions: limits.reductions,
            constraint: example.violation.constraint,
            decisions: example.decisions.clone(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for name in [&self.variant, &self.backend, &self.family] {
            bytes.push(name.len() as u8);
            bytes.extend(name.as_bytes());
        }
        number(&mut bytes, events_to_bits(self.events));
        number(&mut bytes, self.reductions.number());
        number(&mut bytes, u32::from(self.constraint));
        let mut after = 0;
        for choice in &self.decisions {
            number(&mut bytes, choice.position - after);
            bytes.push(choice.chosen);
            after = choice.position;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Token> {
        let mut rest = bytes;
        let version = byte(&mut rest)?;
        ensure!(version == VERSION, "the token has format {version}, and this program reads format {VERSION}");
        let (variant, backend, family) = (name(&mut rest)?, name(&mut rest)?, name(&mut rest)?);
        let events = events_from_bits(read_number(&mut rest)?);
        let reductions = Reductions::numbered(read_number(&mut rest)?).context("the token names no reductions")?;
        let constraint = read_number(&mut rest)?.try_into().context("the token names no constraint")?;
        let mut decisions = Vec::new();
        let mut position = 0_u32;
        while !rest.is_empty() {
            position = position.checked_add(read_number(&mut rest)?).context("the token decides past any end")?;
            decisions.push(Choice { position, chosen: byte(&mut rest)? });
        }
        Ok(Token { variant, backend, family, events, reductions, constraint, decisions })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.to_bytes();
        bytes.extend(check(&bytes));
        f.write_str(&BASE32_NOPAD.encode(&bytes))
    }
}

impl FromStr for Token {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Token> {
        let text: String = text.split_whitespace().collect::<String>().to_uppercase();
        if let Some(at) = text.chars().position(|letter| !matches!(letter, 'A'..='Z' | '2'..='7')) {
            let letter = text.chars().nth(at).expect("found above");
            bail!("letter {} of the token is {letter:?}: tokens have only A to Z and 2 to 7", at + 1);
        }
        let wrong = |_| anyhow::anyhow!("the token has {} letters: some are missing, or too many", text.len());
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).map_err(wrong)?;
        ensure!(bytes.len() > CHECK, "the token is too short: it has {} letters", text.len());
        let (bytes, found) = bytes.split_at(bytes.len() - CHECK);
        ensure!(check(bytes) == found, "the token's checksum is wrong: a letter is mistyped, missing or too many");
        Token::from_bytes(bytes).context("the token is whole, but says nothing that this program knows")
    }
}

/// FNV-1a, folded to what a token has room for.
fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let [first, second, third, fourth] = hash.to_be_bytes();
    [first ^ fourth, second, third]
}

/// A bit for each event, in the order of [`Event::ALL`].
fn events_to_bits(events: Events) -> u32 {
    let bits = Event::ALL.iter().enumerate().map(|(bit, event)| u32::from(events.has(*event)) << bit);
    bits.sum()
}

fn events_from_bits(bits: u32) -> Events {
    let missing = Event::ALL.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 0);
    missing.fold(Events::ALL, |events, (_, event)| events.without(*event))
}

/// Seven bits a byte, the lowest first; the eighth says that there is more.
fn number(bytes: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_number(rest: &mut &[u8]) -> Result<u32> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = byte(rest)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    bail!("a number in the token has no end")
}

fn byte(rest: &mut &[u8]) -> Result<u8> {
    let (first, others) = rest.split_first().context("the token ends too early")?;
    *rest = others;
    Ok(*first)
}

fn name(rest: &mut &[u8]) -> Result<String> {
    let length = usize::from(byte(rest)?);
    let (name, others) = rest.split_at_checked(length).context("the token ends inside a name")?;
    *rest = others;
    String::from_utf8(name.to_vec()).context("a name in the token is not text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Bound;

    fn token() -> Token {
        let decisions = vec![Choice { position: 3, chosen: 1 }, Choice { position: 1000, chosen: 4 }];
        let events = Events::ALL.without(Event::Ipi);
        let (variant, backend, family) = ("preempts-masked".into(), "pmr".into(), "kernel".into());
        Token { variant, backend, family, events, reductions: Reductions::All, constraint: 28, decisions }
    }

    fn error(text: &str) -> String {
        format!("{:#}", text.parse::<Token>().expect_err("it is no token"))
    }

    #[test]
    fn comes_back_as_it_was_however_it_is_typed() {
        let text = token().to_string();
        let again: Token = text.parse().unwrap();
        assert_eq!(again.to_string(), text);
        for typed in [text.to_lowercase(), format!(" {}\n{}", &text[..9], &text[9..])] {
            assert_eq!(typed.parse::<Token>().unwrap().decisions, token().decisions);
        }
        let every = [Reductions::None, Reductions::Lossless, Reductions::All];
        for reductions in every.into_iter().chain(Bound::ALL.map(Reductions::AllBut)) {
            let token = Token { reductions, ..token() };
            assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        }
        assert!(again.events.has(Event::Irq) && !again.events.has(Event::Ipi));
        assert_eq!((again.variant, again.family, again.constraint), ("preempts-masked".into(), "kernel".into(), 28));
    }

    #[test]
    fn is_short() {
        assert!(token().to_string().len() < 66, "{}", token());
    }

    #[test]
    fn every_mistyped_letter_is_seen() {
        let text = token().to_string();
        for at in 0..text.len() {
            let wrong = if &text[at..=at] == "A" { "B" } else { "A" };
            let typed = format!("{}{wrong}{}", &text[..at], &text[at + 1..]);
            assert!(typed.parse::<Token>().is_err(), "{typed}");
            assert!(format!("{}{}", &text[..at], &text[at + 1..]).parse::<Token>().is_err());
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(error("AB1"), "letter 3 of the token is '1': tokens have only A to Z and 2 to 7");
        assert_eq!(error("A"), "the token has 1 letters: some are missing, or too many");
        assert_eq!(error(""), "the token is too short: it has 0 letters");
        let text = token().to_string();
        let swapped = format!("{}{}{}", &text[..20], if &text[20..21] == "A" { "B" } else { "A" }, &text[21..]);
        assert_eq!(error(&swapped), "the token's checksum is wrong: a letter is mistyped, missing or too many");
        let mut later = vec![9, 0, 0];
        later.extend(check(&[9, 0, 0]));
        let said = error(&BASE32_NOPAD.encode(&later));
        assert!(said.ends_with("the token has format 9, and this program reads format 4"), "{said}");
    }
}
