//! Files: what is common to their calls, and which there are.

mod attributes;
mod buffer;
mod descriptors;
mod names;
mod open;
mod poll;
mod segments;
mod stat;
mod transfer;

use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::errno;
use crate::files::node::Node;
use crate::files::open::OpenFile;
use crate::files::path::{Last, PATH_LIMIT, Step, Walked, walk};
use crate::files::root;
use crate::user_copy::read_user_string;

/// The call of that number, if it is one about files.
pub(super) fn run(number: u32, call: &mut Call) -> Option<Result> {
    Some(match number {
        linux::__NR_read => transfer::read(call),
        linux::__NR_write => transfer::write(call),
        linux::__NR_readv => transfer::readv(call),
        linux::__NR_writev => transfer::writev(call),
        linux::__NR_pread64 => transfer::pread(call),
        linux::__NR_pwrite64 => transfer::pwrite(call),
        linux::__NR_preadv => transfer::preadv(call),
        linux::__NR_pwritev => transfer::pwritev(call),
        linux::__NR_lseek => transfer::seek(call),
        linux::__NR_sendfile => transfer::sendfile(call),
        linux::__NR_copy_file_range => transfer::copy_file_range(call),
        linux::__NR_openat => open::openat(call),
        linux::__NR_pipe2 => open::pipe(call),
        linux::__NR_close => descriptors::close(call),
        linux::__NR_close_range => descriptors::close_range(call),
        linux::__NR_dup => descriptors::dup(call),
        linux::__NR_dup3 => descriptors::dup3(call),
        linux::__NR_fcntl => descriptors::fcntl(call),
        linux::__NR_flock => descriptors::flock(call),
        linux::__NR_ioctl => descriptors::ioctl(call),
        linux::__NR_fsync | linux::__NR_fdatasync | linux::__NR_syncfs => descriptors::sync(call),
        linux::__NR_sync => Ok(0),
        linux::__NR_fadvise64 => descriptors::advise(call),
        linux::__NR_getdents64 => names::list(call),
        linux::__NR_readlinkat => names::readlink(call),
        linux::__NR_mkdirat => names::mkdir(call),
        linux::__NR_mknodat => names::mknod(call),
        linux::__NR_symlinkat => names::symlink(call),
        linux::__NR_linkat => names::link(call),
        linux::__NR_unlinkat => names::unlink(call),
        linux::__NR_renameat => names::rename(call, 0),
        linux::__NR_renameat2 => names::rename(call, call.argument(4) as u32),
        linux::__NR_chdir => names::chdir(call),
        linux::__NR_fchdir => names::fchdir(call),
        linux::__NR_getcwd => names::getcwd(call),
        linux::__NR_newfstatat => stat::fstatat(call),
        linux::__NR_fstat => stat::fstat(call),
        linux::__NR_statx => stat::statx(call),
        linux::__NR_statfs => stat::statfs(call),
        linux::__NR_fstatfs => stat::fstatfs(call),
        linux::__NR_faccessat => attributes::access(call, 0),
        linux::__NR_faccessat2 => attributes::access(call, call.argument(3) as u32),
        linux::__NR_fchmod => attributes::fchmod(call),
        linux::__NR_fchmodat => attributes::fchmodat(call),
        linux::__NR_fchown => attributes::fchown(call),
        linux::__NR_fchownat => attributes::fchownat(call),
        linux::__NR_utimensat => attributes::utimens(call),
        linux::__NR_truncate => attributes::truncate(call),
        linux::__NR_ftruncate => attributes::ftruncate(call),
        linux::__NR_umask => Ok(call.process.location.set_mask(call.argument(0) as u32) as usize),
        linux::__NR_ppoll => poll::ppoll(call),
        linux::__NR_pselect6 => poll::pselect(call),
        // There is one tree, and it stays as it is.
        linux::__NR_mount | linux::__NR_umount2 => Err(Errno::EPERM),
        _ => return None,
    })
}

impl Call<'_> {
    /// What is open under the number in argument `n`.
    fn file(&self, n: usize) -> errno::Result<Arc<OpenFile>> {
        self.process.files.get(self.argument(n))
    }

    /// The path at the address in argument `n`.
    fn path(&self, n: usize) -> errno::Result<Vec<u8>> {
        read_user_string(self.argument(n), PATH_LIMIT)?.ok_or(Errno::ENAMETOOLONG)
    }

    /// Where a path in one of the arguments begins, by the number in argument `n`.
    fn start(&self, n: usize, path: &[u8]) -> errno::Result<Node> {
        let number = self.argument(n) as i32;
        if path.first() == Some(&b'/') {
            return Ok(root());
        }
        if number == linux::AT_FDCWD {
            return Ok(self.process.location.directory());
        }
        let node = self.file(n)?.node().cloned().ok_or(Errno::ENOTDIR)?;
        if node.is_directory() || path.is_empty() { Ok(node) } else { Err(Errno::ENOTDIR) }
    }

    /// Walks the path in argument `n + 1` from the directory in argument `n`.
    fn walk(&self, n: usize, last: Last) -> errno::Result<Walked<Node>> {
        let path = self.path(n + 1)?;
        walk(&root(), &self.start(n, &path)?, &path, last)
    }

    /// What a call is about that takes a directory, a path and flags: what the path names, or, if it is empty and the
    /// flags let it be, the directory itself, which may be no directory then.
    fn target(&self, n: usize, flags: u32) -> errno::Result<Target> {
        let path = match self.argument(n + 1) {
            // Linux takes no path for an empty one since 6.11.
            0 if flags & linux::AT_EMPTY_PATH != 0 => Vec::new(),
            _ => self.path(n + 1)?,
        };
        if path.is_empty() && flags & linux::AT_EMPTY_PATH != 0 {
            return match self.argument(n) as i32 {
                linux::AT_FDCWD => Ok(Target::Node(self.process.location.directory())),
                _ => Ok(Target::Open(self.file(n)?)),
            };
        }
        let last = if flags & linux::AT_SYMLINK_NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
        Ok(Target::Node(walk(&root(), &self.start(n, &path)?, &path, last)?.found()?))
    }
}

/// A file by its name or by its number.
enum Target {
    Node(Node),
    Open(Arc<OpenFile>),
}

impl Target {
    fn metadata(&self) -> crate::files::stat::Metadata {
        match self {
            Target::Node(node) => node.metadata(),
            Target::Open(open) => open.file.metadata(),
        }
    }

    fn change(&self, change: &crate::files::stat::Change) -> errno::Result<()> {
        match self {
            Target::Node(node) => node.change(change),
            Target::Open(open) => open.file.change(change),
        }
    }
}
