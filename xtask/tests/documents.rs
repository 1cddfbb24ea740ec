//! The documents name files and functions of the tree: each of them exists.

mod tree;

use std::fs;
use std::path::PathBuf;

use tree::{read, root};

fn documents() -> Vec<(PathBuf, String)> {
    let folder = fs::read_dir(root().join("docs")).expect("there are documents");
    let pages = folder.map(|entry| entry.expect("a folder that was opened can be listed").path());
    let pages = pages.filter(|path| path.extension().is_some_and(|is| is == "md"));
    let readme = root().join("README.md");
    pages.chain([readme]).map(|path| (path.clone(), read(&path))).collect()
}

/// What stands in backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_path(name: &str) -> bool {
    let is_file = [".rs", ".md", ".ld", ".toml"].iter().any(|end| name.ends_with(end));
    name.contains('/') && (is_file || name.ends_with('/')) && !name.contains(' ')
}

#[test]
fn paths_exist() {
    for (page, text) in documents() {
        for name in text.lines().filter(|line| !line.starts_with("    ")).flat_map(quoted).filter(|name| is_path(name))
        {
            assert!(root().join(name).exists(), "{}: there is no {name}", page.display());
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for (page, text) in documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let folder = page.parent().expect("a page lies in a folder");
            let is_there = target.starts_with("https://") || folder.join(target).exists();
            assert!(is_there, "{}: {target} leads nowhere", page.display());
        }
    }
}

/// In a row of the life of an exception, the third cell names functions (or macros) of the file in the second.
#[test]
fn the_life_of_an_exception_names_functions_of_its_files() {
    let page = read(&root().join("docs/life-of-an-exception.md"));
    let mut steps = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [_, file, functions, _] = cells[..] else { panic!("four cells: {line}") };
        let Some(path) = quoted(file).next() else { continue };
        let text = read(&root().join(path));
        for function in quoted(functions) {
            let is_there = ["fn ", "macro_rules! ", ".global "].iter().any(|what| has(&text, what, function));
            assert!(is_there, "{path} has no {function}");
            steps += 1;
        }
    }
    assert!(steps > 40, "the page has {steps} steps");
}

/// `fn name`, and no longer name.
fn has(text: &str, what: &str, name: &str) -> bool {
    let wanted = format!("{what}{name}");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(&wanted).any(|(at, _)| ends(&text[at + wanted.len()..]))
}
