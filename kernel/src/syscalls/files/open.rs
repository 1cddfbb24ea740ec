//! Opening and making files.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::errno;
use crate::files::file::File;
use crate::files::node::Node;
use crate::files::open::{Name, OpenFile, access, wait};
use crate::files::path::{Last, Step, Walked, walk};
use crate::files::pipe;
use crate::files::root;
use crate::files::stat::Type;
use crate::files::tmpfs::New;
use crate::user_copy::write_user;

/// A directory to make a file without a name in; the bit besides O_DIRECTORY.
const TEMPORARY: u32 = linux::O_TMPFILE & !linux::O_DIRECTORY;

/// `openat(directory, path, flags, mode)`
pub(super) fn openat(call: &mut Call) -> Result {
    let (flags, mode) = (call.argument(2) as u32, call.argument(3) as u32);
    if flags & linux::O_CREAT != 0 && flags & linux::O_DIRECTORY != 0 {
        return Err(Errno::EINVAL);
    }
    // Neither a file without a name nor one that is only looked at is here.
    if flags & (TEMPORARY | linux::O_PATH) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let path = call.path(1)?;
    let follows =
        flags & linux::O_NOFOLLOW == 0 && flags & (linux::O_CREAT | linux::O_EXCL) != linux::O_CREAT | linux::O_EXCL;
    let last = if follows { Last::Follow } else { Last::Keep };
    let walked = walk(&root(), &call.start(0, &path)?, &path, last)?;
    let (name, is_new) = find_or_make(call, walked, flags, mode)?;
    let file = open_node(call, &name.node, flags, is_new)?;
    let open = OpenFile::new(file, flags | linux::O_LARGEFILE, Some(name));
    call.process.files.add(open, flags & linux::O_CLOEXEC != 0, 0)
}

/// What is to be opened, and whether it was made for that.
fn find_or_make(call: &Call, walked: Walked<Node>, flags: u32, mode: u32) -> errno::Result<(Name, bool)> {
    let Walked { directory, name, place, slash } = walked;
    match (place, name) {
        (Some(_), _) if flags & (linux::O_CREAT | linux::O_EXCL) == linux::O_CREAT | linux::O_EXCL => {
            Err(Errno::EEXIST)
        }
        (Some(node), _) if flags & linux::O_CREAT != 0 && node.is_directory() => Err(Errno::EISDIR),
        (Some(node), name) => {
            let within = name.filter(|_| !node.is_directory()).map(|name| (directory, name));
            Ok((Name { node, within }, false))
        }
        (None, Some(name)) if flags & linux::O_CREAT != 0 => {
            if slash {
                return Err(Errno::EISDIR);
            }
            let mode = mode & !call.process.location.mask();
            let node = match directory.create(&name, New::Regular(&[]), mode) {
                // Somebody else was faster: then that is it.
                Err(Errno::EEXIST) if flags & linux::O_EXCL == 0 => directory.child(&name)?,
                made => made?,
            };
            Ok((Name { node, within: Some((directory, name)) }, true))
        }
        (None, _) => Err(Errno::ENOENT),
    }
}

fn open_node(call: &mut Call, node: &Node, flags: u32, is_new: bool) -> errno::Result<Arc<dyn File>> {
    let access = access(flags);
    let kind = node.metadata().kind();
    match kind {
        Type::Symlink => return Err(Errno::ELOOP),
        Type::Directory if access.writes || flags & linux::O_TRUNC != 0 => return Err(Errno::EISDIR),
        Type::Directory => {}
        _ if flags & linux::O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
        _ => {}
    }
    let file = node.open(call.cpu, access, wait(flags))?;
    if flags & linux::O_TRUNC != 0 && kind == Type::Regular && !is_new {
        file.resize(0)?;
    }
    Ok(file)
}

/// `pipe2(numbers, flags)`
pub(super) fn pipe(call: &mut Call) -> Result {
    let (to, flags) = (call.argument(0), call.argument(1) as u32);
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK | linux::O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let [reads, writes] = pipe::pipe();
    let files = &call.process.files;
    let close = flags & linux::O_CLOEXEC != 0;
    let reads = files.add(OpenFile::new(Arc::new(reads), flags | linux::O_RDONLY, None), close, 0)?;
    let writes = files.add(OpenFile::new(Arc::new(writes), flags | linux::O_WRONLY, None), close, 0);
    let told = writes.and_then(|writes| Ok(write_user(to, &[reads as i32, writes as i32])?));
    if let Err(error) = told {
        files.close(reads)?;
        if let Ok(writes) = writes {
            files.close(writes)?;
        }
        return Err(error);
    }
    Ok(0)
}
