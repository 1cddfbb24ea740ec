//! Names come and go.

use super::*;

fn file(directory: &Arc<Inode>, name: &str) -> Arc<Inode> {
    directory.create(name.as_bytes(), New::Regular(&[]), 0o644).unwrap()
}

fn folder(directory: &Arc<Inode>, name: &str) -> Arc<Inode> {
    directory.create(name.as_bytes(), New::Directory, 0o755).unwrap()
}

fn links(inode: &Arc<Inode>) -> u32 {
    inode.metadata().links
}

fn names(directory: &Arc<Inode>) -> Vec<String> {
    let mut names = Vec::new();
    directory
        .list(0, |listed| {
            names.push(String::from_utf8(listed.name.to_vec()).unwrap());
            true
        })
        .unwrap();
    names
}

/// The error of a call, whatever it would have given.
fn refused<T>(result: Result<T>) -> Errno {
    result.map(drop).expect_err("an error")
}

fn swap(from: &Arc<Inode>, old: &str, to: &Arc<Inode>, new: &str, how: Rename) -> Result<()> {
    rename(from, old.as_bytes(), to, new.as_bytes(), how).map(drop)
}

#[test]
fn links_are_counted() {
    let root = Inode::root().unwrap();
    assert_eq!(links(&root), 2);
    let a = folder(&root, "a");
    let f = file(&a, "f");
    assert_eq!((links(&root), links(&a), links(&f)), (3, 2, 1));
    root.link(b"g", &f).unwrap();
    assert_eq!(links(&f), 2);
    a.unlink(b"f").unwrap();
    assert_eq!(links(&f), 1);
    root.unlink(b"g").unwrap();
    assert_eq!((links(&f), refused(root.link(b"again", &f))), (0, Errno::ENOENT));
    root.remove_directory(b"a").unwrap();
    assert_eq!((links(&root), links(&a)), (2, 0));
}

#[test]
fn what_cannot_be_is_refused() {
    let root = Inode::root().unwrap();
    let a = folder(&root, "a");
    let f = file(&a, "f");
    assert_eq!(refused(root.create(b"a", New::Fifo, 0)), Errno::EEXIST);
    assert_eq!(refused(f.create(b"x", New::Fifo, 0)), Errno::ENOTDIR);
    assert_eq!(refused(root.link(b"b", &a)), Errno::EPERM);
    assert_eq!(refused(root.unlink(b"a")), Errno::EISDIR);
    assert_eq!(refused(root.unlink(b"nothing")), Errno::ENOENT);
    assert_eq!(refused(root.remove_directory(b"a")), Errno::ENOTEMPTY);
    assert_eq!(refused(a.remove_directory(b"f")), Errno::ENOTDIR);
    a.unlink(b"f").unwrap();
    root.remove_directory(b"a").unwrap();
    assert_eq!(refused(a.create(b"f", New::Fifo, 0)), Errno::ENOENT);
    // Whoever stands in it finds the way out.
    assert!(a.parent().is_some_and(|parent| Arc::ptr_eq(&parent, &root)) && root.name_of(&a).is_none());
}

#[test]
fn a_directory_that_is_covered_stays() {
    let root = Inode::root().unwrap();
    folder(&root, "proc").cover().unwrap();
    folder(&root, "empty");
    assert_eq!(refused(root.remove_directory(b"proc")), Errno::EBUSY);
    assert_eq!(refused(swap(&root, "proc", &root, "x", Rename::Replace)), Errno::EBUSY);
    assert_eq!(refused(swap(&root, "empty", &root, "proc", Rename::Replace)), Errno::EBUSY);
}

#[test]
fn listing_goes_on_where_it_stopped_whatever_has_gone() {
    let root = Inode::root().unwrap();
    ["c", "a", "b"].iter().for_each(|name| drop(file(&root, name)));
    let mut next = 0;
    root.list(0, |listed| {
        next = listed.next;
        false
    })
    .unwrap();
    root.unlink(b"c").unwrap();
    root.unlink(b"a").unwrap();
    file(&root, "d");
    let mut rest = Vec::new();
    root.list(next, |listed| {
        rest.push(listed.name.to_vec());
        true
    })
    .unwrap();
    assert_eq!(rest, [b"b", b"d"]);
}

#[test]
fn renaming_moves() {
    let root = Inode::root().unwrap();
    let (a, b) = (folder(&root, "a"), folder(&root, "b"));
    let f = file(&a, "f");
    swap(&a, "f", &b, "g", Rename::Replace).unwrap();
    assert_eq!((names(&a).len(), names(&b), links(&f)), (0, vec!["g".to_owned()], 1));
    swap(&root, "a", &b, "a", Rename::Replace).unwrap();
    assert_eq!((links(&root), links(&b), links(&a)), (3, 3, 2));
    assert!(Arc::ptr_eq(&a.parent().unwrap(), &b));
    assert_eq!(b.name_of(&a), Some(b"a".to_vec()));
}

#[test]
fn renaming_replaces() {
    let root = Inode::root().unwrap();
    let (f, g) = (file(&root, "f"), file(&root, "g"));
    swap(&root, "f", &root, "g", Rename::Replace).unwrap();
    assert_eq!((names(&root), links(&f), links(&g)), (vec!["g".to_owned()], 1, 0));
    let (a, b) = (folder(&root, "a"), folder(&root, "b"));
    assert_eq!(refused(swap(&root, "g", &root, "a", Rename::Replace)), Errno::EISDIR);
    assert_eq!(refused(swap(&root, "a", &root, "g", Rename::Replace)), Errno::ENOTDIR);
    assert_eq!(refused(swap(&root, "a", &root, "b", Rename::NoReplace)), Errno::EEXIST);
    swap(&root, "a", &root, "b", Rename::Replace).unwrap();
    assert_eq!((links(&root), links(&a), links(&b)), (3, 2, 0));
    file(&a, "inside");
    folder(&root, "c");
    assert_eq!(refused(swap(&root, "c", &root, "b", Rename::Replace)), Errno::ENOTEMPTY);
}

#[test]
fn two_names_of_one_file_stay() {
    let root = Inode::root().unwrap();
    let f = file(&root, "f");
    root.link(b"g", &f).unwrap();
    swap(&root, "f", &root, "g", Rename::Replace).unwrap();
    assert_eq!((names(&root).len(), links(&f)), (2, 2));
}

#[test]
fn nothing_moves_into_itself() {
    let root = Inode::root().unwrap();
    let a = folder(&root, "a");
    let b = folder(&a, "b");
    assert_eq!(refused(swap(&root, "a", &b, "x", Rename::Replace)), Errno::EINVAL);
    assert_eq!(refused(swap(&root, "a", &a, "x", Rename::Replace)), Errno::EINVAL);
    file(&b, "f");
    assert_eq!(refused(swap(&b, "f", &root, "a", Rename::Replace)), Errno::ENOTEMPTY);
    assert_eq!(refused(swap(&a, "b", &root, "a", Rename::Exchange)), Errno::EINVAL);
}

#[test]
fn names_are_exchanged() {
    let root = Inode::root().unwrap();
    let a = folder(&root, "a");
    let (f, b) = (file(&a, "f"), folder(&root, "b"));
    swap(&a, "f", &root, "b", Rename::Exchange).unwrap();
    assert!(Arc::ptr_eq(&a.lookup(b"f").unwrap(), &b) && Arc::ptr_eq(&root.lookup(b"b").unwrap(), &f));
    assert_eq!((links(&root), links(&a), links(&b), links(&f)), (3, 3, 2, 1));
    assert_eq!(refused(swap(&a, "f", &root, "nothing", Rename::Exchange)), Errno::ENOENT);
}

#[test]
fn contents_are_cut_and_appended() {
    let root = Inode::root().unwrap();
    let f = root.create(b"f", New::Regular(b"from the disk"), 0o644).unwrap();
    f.resize(4).unwrap();
    assert_eq!(f.write(None, b"!").unwrap(), 1);
    let mut bytes = [0; 9];
    assert_eq!((f.read(0, &mut bytes).unwrap(), &bytes[..5]), (5, &b"from!"[..]));
    f.resize(0).unwrap();
    assert_eq!((f.metadata().size, f.metadata().blocks), (0, 0));
    assert_eq!((refused(root.read(0, &mut bytes)), refused(root.write(None, b""))), (Errno::EISDIR, Errno::EISDIR));
}

#[test]
fn changes_are_kept() {
    let root = Inode::root().unwrap();
    let time = Some(Timestamp::from_seconds(5));
    let change = Change { permissions: Some(0o7_777_777), user: Some(3), modified: time, ..Change::default() };
    root.change(&change);
    let now = root.metadata();
    assert_eq!((now.mode, now.user, now.group, now.times.modified.seconds), (0o047_777, 3, 0, 5));
}
