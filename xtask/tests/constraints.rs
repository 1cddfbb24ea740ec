//! `docs/constraints.md` against the tree: every constraint that code cites is there, every test, case, file and function
//! that the document cites exists, every run-time check has a row and a test that sees it fire, every check of the model has a row, and the counts are right.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tree::{read, root};

/// What may cite constraints.
const FOLDERS: [&str; 10] = [
    "vestibule",
    "vestibule-arm64",
    "vestibule-model",
    "kernel",
    "programs",
    "examples",
    "compile-fail",
    "counter",
    "xtask",
    "docs",
];

/// Where library code that checks at run time lies.
const CHECKED: [&str; 2] = ["vestibule/src", "vestibule-arm64/src"];

/// How a constraint is held; each stands in bold before what it is about.
const KINDS: [&str; 7] = ["type", "test", "model", "run-time check", "by construction", "not yet", "not applicable"];

/// A constraint's row.
struct Row {
    id: u32,
    /// Kind and what is said of it.
    held: Vec<(String, String)>,
}

impl Row {
    fn of(&self, kind: &str) -> Option<&str> {
        self.held.iter().find(|(held, _)| held == kind).map(|(_, text)| text.as_str())
    }
}

/// The files below `folder` with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a folder that was opened can be listed").path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().and_then(|is| is.to_str()).is_some_and(|is| extensions.contains(&is)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    FOLDERS.iter().flat_map(|folder| files(&root().join(folder), &["rs"])).collect()
}

fn document() -> String {
    read(&root().join("docs/constraints.md"))
}

fn rows() -> Vec<Row> {
    document().lines().filter_map(row).collect()
}

/// `| C28 | rule | **type** … **test** … |`
fn row(line: &str) -> Option<Row> {
    let mut cells = line.strip_prefix("| C")?.strip_suffix(" |")?.splitn(3, " | ");
    let id = cells.next()?.parse().ok()?;
    let held = cells.nth(1).unwrap_or_else(|| panic!("C{id} has no third cell"));
    let mut parts = held.split("**");
    assert_eq!(parts.next(), Some(""), "C{id}: the third cell begins with a kind");
    let parts: Vec<&str> = parts.collect();
    let held = parts.chunks(2).map(|part| (part[0].to_owned(), part[1].trim().to_owned())).collect();
    Some(Row { id, held })
}

/// What stands in backticks, with the word before each.
fn quoted(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    assert!(parts.len() % 2 == 1, "backticks come in pairs: {text}");
    let before = |index: usize| parts[index - 1].split_whitespace().last().unwrap_or_default();
    (1..parts.len()).step_by(2).map(|index| (before(index), parts[index])).collect()
}

/// The constraints that a text cites: `C28`, and `c28_` in the name of a test. `C5.2.19` is a section of a manual.
fn cited(text: &str) -> BTreeSet<u32> {
    let bytes = text.as_bytes();
    let is_word = |index: usize| bytes.get(index).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut ids = BTreeSet::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| matches!(letter, 'C' | 'c')) {
        if at > 0 && is_word(at - 1) {
            continue;
        }
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 1 + digits;
        let is_section = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let fits = if letter == 'C' { !is_word(end) && !is_section } else { bytes.get(end) == Some(&b'_') };
        if digits > 0 && digits < 4 && fits {
            ids.insert(text[at + 1..end].parse().expect("digits are a number"));
        }
    }
    ids
}

/// The numbers passed to `check` and `check_context`, and those of `Broken` values.
fn checked(text: &str) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    for call in ["check::<", "check_context::<"] {
        for (at, _) in text.match_indices(call) {
            let arguments = after_generics(&text[at + call.len()..]).and_then(|rest| rest.strip_prefix('('));
            let numbers =
                arguments.iter().flat_map(|rest| top_level(rest)).filter_map(|argument| argument.parse::<u32>().ok());
            ids.extend(numbers);
        }
    }
    for (at, field) in text.match_indices("constraint: ") {
        let rest = &text[at + field.len()..];
        ids.extend(rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse::<u32>().ok()));
    }
    ids
}

/// What follows the `>` that closes generic arguments.
fn after_generics(text: &str) -> Option<&str> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

/// The arguments of a call, from after its opening parenthesis.
fn top_level(text: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut arguments = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' | b'[' => depth += 1,
            b')' | b'}' | b']' if depth == 0 => {
                arguments.push(text[start..at].trim());
                break;
            }
            b')' | b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments
}

fn checked_in_code() -> BTreeSet<u32> {
    let sources = CHECKED.iter().flat_map(|folder| files(&root().join(folder), &["rs"]));
    sources.flat_map(|path| checked(&read(&path))).collect()
}

/// The numbers that the model's own checks name. Where one is not a plain number, a variable named `constraint` or a
/// closure named `of` decides which.
fn checked_by_model(text: &str) -> BTreeSet<u32> {
    let calls = text.match_indices(".check(").map(|(at, call)| top_level(&text[at + call.len()..])[0]);
    let decided = ["let constraint = ", "let (constraint, ", "let of = |"];
    let statements = decided.iter().flat_map(|start| text.match_indices(start));
    let statements = statements.filter_map(|(at, _)| text[at..].split(';').next());
    let numbers = calls.chain(statements).flat_map(whole_numbers);
    numbers.filter(|number| *number != 0).collect()
}

/// `58` in `Level::El0 => 58`.
fn whole_numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter_map(|word| word.parse().ok())
}

/// Every test, as `file::name`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in rust_files() {
        let text = read(&path);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("files are named in ASCII");
        for (_, after) in text.match_indices("#[test]\n").map(|(at, is)| (at, &text[at + is.len()..])) {
            let name = after.split_once("fn ").and_then(|(_, rest)| rest.split('(').next()).expect("a test has a name");
            names.insert(format!("{stem}::{name}"));
        }
    }
    names
}

fn boot_tests() -> BTreeSet<String> {
    let lists = files(&root().join("xtask/src"), &["rs"])
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with("boots.rs"));
    let text: String = lists.map(|path| read(&path)).collect();
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
    names.map(str::to_owned).collect()
}

#[test]
fn ids_have_no_gaps() {
    let ids: Vec<u32> = rows().iter().map(|row| row.id).collect();
    let sorted: BTreeSet<u32> = ids.iter().copied().collect();
    assert_eq!(ids.len(), sorted.len(), "an id is there twice");
    assert_eq!(sorted, (1..=ids.len() as u32).collect());
}

#[test]
fn each_row_says_how_it_is_held() {
    for row in rows() {
        assert!(!row.held.is_empty(), "C{}", row.id);
        for (kind, text) in &row.held {
            assert!(KINDS.contains(&kind.as_str()), "C{}: {kind:?} is none of {KINDS:?}", row.id);
            assert!(!text.is_empty(), "C{}: {kind} says nothing", row.id);
        }
        let kinds: BTreeSet<&String> = row.held.iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds.len(), row.held.len(), "C{}: a kind is there twice", row.id);
        let none = row.of("not applicable").is_some();
        assert!(!none || row.held.len() == 1, "C{}: what does not apply cannot be held", row.id);
    }
}

#[test]
fn what_code_cites_exists() {
    let known: BTreeSet<u32> = rows().iter().map(|row| row.id).collect();
    let sources = FOLDERS.iter().flat_map(|folder| files(&root().join(folder), &["rs", "md", "ld", "toml"]));
    for path in sources.filter(|path| !path.ends_with("xtask/tests/constraints.rs")) {
        for id in cited(&read(&path)) {
            assert!(known.contains(&id), "{}: C{id} is no constraint", path.display());
        }
    }
    for id in checked_in_code() {
        assert!(known.contains(&id), "a run-time check of C{id}, which is no constraint");
    }
}

/// Both ways: no row claims a check that is not there, and no check lacks a row or a test that sees it fire.
#[test]
fn run_time_checks_are_what_the_code_has() {
    let in_code = checked_in_code();
    assert!(in_code.len() > 10, "too few checks were found: {in_code:?}");
    let fired: BTreeSet<u32> = rust_files().iter().flat_map(|path| seen_to_fire(&read(path))).collect();
    for row in rows() {
        let claimed = row.of("run-time check");
        let is_anothers = claimed.is_some_and(|text| text.starts_with("as C") && !cited(text).is_disjoint(&in_code));
        let id = row.id;
        assert_eq!(claimed.is_some() && !is_anothers, in_code.contains(&id), "C{id}: document and code differ");
        assert!(!in_code.contains(&id) || fired.contains(&id), "C{id}: no test `c{id}_…` sees its check fire");
    }
}

/// Both ways: no row claims what the model does not check, and no check of the model lacks a row. The library's run-time
/// checks are the model's, too: it runs them.
#[test]
fn the_model_checks_what_rows_say() {
    let folder = root().join("vestibule-model/src");
    let sources = files(&folder, &["rs"]).into_iter().filter(|path| !path.starts_with(folder.join("corpus")));
    let own: BTreeSet<u32> = sources.flat_map(|path| checked_by_model(&read(&path))).collect();
    assert!(own.len() > 60, "too few checks were found: {own:?}");
    let librarys = checked_in_code();
    for row in rows() {
        let (id, said) = (row.id, row.of("model"));
        assert_eq!(said.is_some(), own.contains(&id) || librarys.contains(&id), "C{id}: document and model differ");
        let is_librarys = said.is_some_and(|said| said.starts_with("the library's run-time check"));
        assert!(!is_librarys || !own.contains(&id), "C{id}: the model looks by itself");
        assert!(said.is_none() || is_librarys || own.contains(&id), "C{id}: only the library looks");
    }
}

/// The constraints in the names of a file's tests.
fn seen_to_fire(text: &str) -> BTreeSet<u32> {
    text.match_indices("fn c").flat_map(|(at, _)| cited(&text[at + 3..text.len().min(at + 8)])).collect()
}

#[test]
fn cases_exist() {
    let folder = root().join("compile-fail");
    for row in rows() {
        let all = row.held.iter().flat_map(|(kind, text)| quoted(text).into_iter().map(move |it| (kind.as_str(), it)));
        for (kind, (before, name)) in all {
            let place = match (kind, before) {
                (_, "hole") => "holes",
                ("type", _) => "cases",
                _ => continue,
            };
            let (case, fault) = name.split_once("::").map_or((name, None), |(case, fault)| (case, Some(fault)));
            let path = folder.join(place).join(format!("{case}.rs"));
            assert!(path.is_file(), "C{}: there is no {}", row.id, path.display());
            let is_there = fault.is_none_or(|fault| read(&path).contains(&format!("//@ {fault}:")));
            assert!(is_there, "C{}: {} has no fault {fault:?}", row.id, path.display());
        }
    }
}

/// Those that see a rule hold, and those that show where it does not.
#[test]
fn cited_tests_exist() {
    let (tests, boots) = (tests(), boot_tests());
    let walk = read(&root().join("xtask/src/binary/walk.rs"));
    for row in rows() {
        let hold = row.of("test").map(quoted).unwrap_or_default();
        let lack = row.of("not yet").map(quoted).unwrap_or_default();
        let lack = lack.into_iter().filter(|(_, name)| name.contains("::"));
        for (before, name) in hold.into_iter().chain(lack) {
            let is_there = match (before, name.strip_suffix("::*")) {
                ("boot", _) => boots.contains(name),
                ("binary", _) => walk.contains(&format!("    {name},\n")),
                (_, Some(file)) => tests.iter().any(|test| test.starts_with(&format!("{file}::"))),
                _ => tests.contains(name),
            };
            assert!(is_there, "C{}: there is no test {name}", row.id);
        }
    }
}

/// Files by their paths; anything else in backticks is a name in one of the files named beside it.
#[test]
fn cited_places_exist() {
    for row in rows() {
        for kind in ["run-time check", "by construction"] {
            let names = row.of(kind).map(quoted).unwrap_or_default();
            let is_path = |name: &&str| name.contains('/');
            let paths = names.iter().map(|(_, name)| *name).filter(is_path);
            let sources: BTreeMap<&str, String> = paths.map(|path| (path, read(&root().join(path)))).collect();
            for (before, name) in names.into_iter().filter(|(_, name)| !is_path(name)) {
                let identifier = name.rsplit("::").next().unwrap_or(name);
                let is_there = before == "hole" || sources.values().any(|text| text.contains(identifier));
                assert!(is_there, "C{}: {name} is in none of {:?}", row.id, sources.keys());
            }
        }
    }
}

#[test]
fn counts_are_right() {
    let rows = rows();
    let is_open = |row: &&Row| row.held.len() == 1 && row.of("not yet").is_some();
    let counted = KINDS.iter().map(|kind| (*kind, rows.iter().filter(|row| row.of(kind).is_some()).count()));
    let counted = counted.chain([("nothing but *not yet*", rows.iter().filter(is_open).count())]);
    let table: String = counted.map(|(kind, count)| format!("| {kind} | {count} |\n")).collect();
    assert!(document().contains(&table), "the summary should be\n{table}");
}

#[test]
fn citations_are_recognised() {
    assert_eq!(cited("(C28, C110) C5.2.19 C126. DC3 C_4 C12x fn c33_a abc4_"), [28, 33, 110, 126].into());
    assert_eq!(checked("check::<P::Kernel>(|| a(b, 9), 34, X::NAME); check_context::<K, C>(3, at)"), [3, 34].into());
    assert_eq!(
        checked_by_model("w.check(0, x); w.check(if a { 3 } else { 12 }, h(7), X1); w.check(of(9), 8)"),
        [3, 9, 12].into()
    );
    assert_eq!(checked_by_model("let constraint = match x { El0 => 58, u16 => 85 }; 44"), [58, 85].into());
    assert_eq!(checked("Broken { constraint: 28, at }; check::<K>(|| f::<K>(), constraint, at)"), [28].into());
}
