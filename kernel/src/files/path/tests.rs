//! Walks on a small tree.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// A tree of names without files.
#[derive(Clone, Debug)]
struct Place(Rc<Node>);

#[derive(Debug)]
struct Node {
    id: &'static str,
    parent: Weak<Node>,
    is: Is,
}

#[derive(Debug)]
enum Is {
    Directory(RefCell<BTreeMap<Vec<u8>, Place>>),
    File,
    Link(&'static str),
    Jump(Place),
}

impl Step for Place {
    fn is_directory(&self) -> bool {
        matches!(self.0.is, Is::Directory(_))
    }

    fn child(&self, name: &[u8]) -> Result<Self> {
        let Is::Directory(children) = &self.0.is else { panic!("{} is asked for a child", self.0.id) };
        children.borrow().get(name).cloned().ok_or(Errno::ENOENT)
    }

    fn parent(&self) -> Self {
        self.0.parent.upgrade().map_or_else(|| self.clone(), Place)
    }

    fn link(&self) -> Option<Result<Link<Self>>> {
        match &self.0.is {
            Is::Link(path) => Some(Ok(Link::Path(path.as_bytes().to_vec()))),
            Is::Jump(place) => Some(Ok(Link::Place(place.clone()))),
            _ => None,
        }
    }
}

fn add(parent: &Place, id: &'static str, is: Is) -> Place {
    let place = Place(Rc::new(Node { id, parent: Rc::downgrade(&parent.0), is }));
    let Is::Directory(children) = &parent.0.is else { panic!("{id}'s parent is no directory") };
    children.borrow_mut().insert(id.as_bytes().to_vec(), place.clone());
    place
}

fn directory() -> Is {
    Is::Directory(RefCell::default())
}

/// `/a/b/file`, `/a/up -> ../a/b`, `/abs -> /a/b/file`, `/loop -> loop`, `/dangling -> nowhere`, `/self => /a`, `/top`.
fn tree() -> (Place, Place) {
    let root = Place(Rc::new(Node { id: "root", parent: Weak::new(), is: directory() }));
    let a = add(&root, "a", directory());
    let b = add(&a, "b", directory());
    add(&b, "file", Is::File);
    add(&a, "up", Is::Link("../a/b"));
    add(&root, "abs", Is::Link("/a/b/file"));
    add(&root, "loop", Is::Link("loop"));
    add(&root, "dangling", Is::Link("nowhere"));
    add(&root, "folder", Is::Link("a/b/"));
    add(&root, "self", Is::Jump(a.clone()));
    add(&root, "top", Is::File);
    (root, a)
}

fn find(path: &str, last: Last) -> Result<&'static str> {
    let (root, a) = tree();
    walk(&root, &a, path.as_bytes(), last)?.found().map(|place| place.0.id)
}

#[test]
fn finds_what_is_there() {
    let expected = [
        ("/", "root"),
        ("///", "root"),
        (".", "a"),
        ("..", "root"),
        ("../..", "root"),
        ("b", "b"),
        ("b/", "b"),
        ("/a/b/file", "file"),
        ("/a//b/./../b/file", "file"),
        ("up", "b"),
        ("up/file", "file"),
        ("up/..", "a"),
        ("/abs", "file"),
        ("/folder", "b"),
        ("/folder/file", "file"),
        ("/self", "a"),
        ("/self/b", "b"),
        ("/self/", "a"),
        ("b/.", "b"),
        ("b/..", "a"),
    ];
    for (path, id) in expected {
        assert_eq!(find(path, Last::Follow), Ok(id), "{path}");
    }
}

#[test]
fn refuses_what_is_not() {
    let expected = [
        ("", Errno::ENOENT),
        ("nothing", Errno::ENOENT),
        ("nothing/x", Errno::ENOENT),
        ("b/file/x", Errno::ENOTDIR),
        ("b/file/", Errno::ENOTDIR),
        ("b/file/..", Errno::ENOTDIR),
        ("/abs/", Errno::ENOTDIR),
        ("/loop", Errno::ELOOP),
        ("/loop/x", Errno::ELOOP),
        ("/dangling", Errno::ENOENT),
        ("/dangling/", Errno::ENOENT),
    ];
    for (path, error) in expected {
        assert_eq!(find(path, Last::Follow), Err(error), "{path}");
    }
}

#[test]
fn a_link_at_the_end_can_be_what_is_meant() {
    assert_eq!(find("up", Last::Keep), Ok("up"));
    assert_eq!(find("up/", Last::Keep), Ok("b"));
    assert_eq!(find("up/", Last::Name), Ok("up"));
    assert_eq!(find("/loop", Last::Keep), Ok("loop"));
    assert_eq!(find("/self", Last::Keep), Ok("self"));
}

#[test]
fn says_where_a_name_could_be_made() {
    let (root, a) = tree();
    let end = |path: &str, last| {
        let walked = walk(&root, &a, path.as_bytes(), last).unwrap();
        (walked.directory.0.id, walked.name.map(|name| String::from_utf8(name).unwrap()), walked.slash)
    };
    assert_eq!(end("new", Last::Name), ("a", Some("new".into()), false));
    assert_eq!(end("up/new/", Last::Name), ("b", Some("new".into()), true));
    assert_eq!(end("/dangling", Last::Follow), ("root", Some("nowhere".into()), false));
    assert_eq!(end("b/..", Last::Name), ("a", None, false));
}

#[test]
fn long_names_and_paths_are_refused() {
    let name = "n".repeat(NAME_LIMIT);
    assert_eq!(find(&name, Last::Follow), Err(Errno::ENOENT));
    assert_eq!(find(&format!("{name}n"), Last::Follow), Err(Errno::ENAMETOOLONG));
    assert_eq!(find(&"/".repeat(PATH_LIMIT - 1), Last::Follow), Ok("root"));
    assert_eq!(find(&"/".repeat(PATH_LIMIT), Last::Follow), Err(Errno::ENAMETOOLONG));
}

proptest! {
    /// Paths of anything that the tree has end somewhere, or in an error: the walk comes to an end.
    #[test]
    fn every_walk_ends(parts in prop::collection::vec(
        prop::sample::select(vec!["a", "b", "file", "up", "abs", "loop", "folder", "self", "..", ".", "", "x"]), 0..12,
    )) {
        for last in [Last::Follow, Last::Keep, Last::Name] {
            let _ = find(&parts.join("/"), last);
        }
    }
}
