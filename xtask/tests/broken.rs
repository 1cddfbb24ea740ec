//! `docs/broken.md` against the tree: every bug, boot, variant and test that it names exists, and no bug that can be planted and no
//! boot that plants one is missing.

mod tree;

use std::collections::BTreeSet;
use std::fs;

use tree::{read, root};

/// All that the Rust files of a folder say, those of its folders not among them.
fn sources(folder: &str) -> String {
    let files = fs::read_dir(root().join(folder)).expect("it is a folder");
    let paths = files.map(|file| file.expect("a folder that was opened can be listed").path());
    let rust = paths.filter(|path| path.extension().is_some_and(|is| is == "rs"));
    rust.map(|path| read(&path)).collect()
}

/// What stands in backticks in the page's table right after this word.
fn cited(kind: &str) -> BTreeSet<String> {
    let page = read(&root().join("docs/broken.md"));
    let table = page.lines().filter(|line| line.starts_with("| "));
    table.flat_map(|line| after(line, &format!("{kind} `"))).collect()
}

/// What stands between each of these and the next backtick.
fn after(text: &str, start: &str) -> Vec<String> {
    text.split(start).skip(1).filter_map(|rest| rest.split('`').next()).map(str::to_owned).collect()
}

/// The names that bugs have on the command line.
fn bugs() -> BTreeSet<String> {
    let text = read(&root().join("kernel/src/planted.rs"));
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", Bug::"));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Boots: what each is called, and the bugs that its command line names.
fn boots() -> Vec<(String, BTreeSet<String>)> {
    let text = sources("xtask/src");
    let tests = text.split("name: \"").skip(1).filter_map(|test| {
        let (name, rest) = test.split_once("\",\n")?;
        let command_line = rest.split("command_line:").nth(1)?.split('"').nth(1)?;
        let bugs = command_line.split_whitespace().filter_map(|word| word.strip_prefix("bug="));
        Some((name.to_owned(), bugs.map(str::to_owned).collect()))
    });
    tests.collect()
}

#[test]
fn every_bug_is_there() {
    let (bugs, cited) = (bugs(), cited("bug"));
    assert!(bugs.len() > 20, "too few were found: {bugs:?}");
    assert_eq!(bugs, cited, "what can be planted, and what the page names");
    let enumerated = read(&root().join("kernel/src/planted.rs")).matches(", Bug::").count();
    assert_eq!(enumerated, bugs.len(), "a bug without a name");
}

#[test]
fn every_boot_with_a_bug_is_there() {
    let (boots, cited) = (boots(), cited("boot"));
    let planting: BTreeSet<_> =
        boots.iter().filter(|(_, bugs)| !bugs.is_empty()).map(|(name, _)| name.clone()).collect();
    assert!(planting.len() > 15, "too few were found: {planting:?}");
    assert_eq!(planting, cited, "boots that plant a bug, and those that the page names");
    let planted: BTreeSet<_> = boots.into_iter().flat_map(|(_, bugs)| bugs).collect();
    // Of a comparison, which is no boot test.
    let missing: Vec<_> = bugs().difference(&planted).filter(|bug| *bug != "wrong-byte").cloned().collect();
    assert!(missing.is_empty(), "nobody plants {missing:?}");
    assert!(planted.is_subset(&bugs()), "a boot plants what there is not");
}

#[test]
fn variants_and_tests_exist() {
    let variants = sources("vestibule-model/src/corpus");
    for variant in cited("variant") {
        assert!(variants.contains(&format!("name: \"{variant}\"")), "there is no variant {variant}");
    }
    for test in cited("test") {
        let (file, name) = test.split_once("::").expect("a test is named by file and name");
        assert!(
            read(&root().join(format!("kernel/src/{file}.rs"))).contains(&format!("fn {name}(")),
            "there is no test {test}"
        );
    }
}
