//! What files say of themselves.

use core::mem;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::files::node::Node;
use crate::files::path::{Last, NAME_LIMIT, walk};
use crate::files::stat::{Metadata, Timestamp};
use crate::files::{root, tmpfs};
use crate::layout::PAGE_SIZE;
use crate::user_copy::{Plain, write_user};

// SAFETY: integers alone, and where the ABI has gaps there are fields for them.
unsafe impl Plain for linux::stat {}
// SAFETY: as above.
unsafe impl Plain for linux::statx {}
// SAFETY: as above.
unsafe impl Plain for linux::statfs {}

/// `newfstatat(directory, path, to, flags)`
pub(super) fn fstatat(call: &mut Call) -> Result {
    const KNOWN: u32 = linux::AT_EMPTY_PATH | linux::AT_SYMLINK_NOFOLLOW | linux::AT_NO_AUTOMOUNT;
    let flags = call.argument(3) as u32;
    if flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let metadata = call.target(0, flags)?.metadata();
    write_user(call.argument(2), &stat_of(&metadata))?;
    Ok(0)
}

pub(super) fn fstat(call: &mut Call) -> Result {
    let metadata = call.file(0)?.file.metadata();
    write_user(call.argument(1), &stat_of(&metadata))?;
    Ok(0)
}

fn stat_of(metadata: &Metadata) -> linux::stat {
    // SAFETY: zeros are a value of it.
    let mut stat: linux::stat = unsafe { mem::zeroed() };
    let times = metadata.times;
    stat.st_dev = metadata.device.into();
    stat.st_ino = metadata.inode;
    stat.st_mode = metadata.mode;
    stat.st_nlink = metadata.links;
    stat.st_uid = metadata.user;
    stat.st_gid = metadata.group;
    stat.st_rdev = metadata.special.encode().into();
    stat.st_size = metadata.size as i64;
    stat.st_blksize = PAGE_SIZE as i32;
    stat.st_blocks = metadata.blocks as i64;
    (stat.st_atime, stat.st_atime_nsec) = (times.accessed.seconds, times.accessed.nanoseconds.into());
    (stat.st_mtime, stat.st_mtime_nsec) = (times.modified.seconds, times.modified.nanoseconds.into());
    (stat.st_ctime, stat.st_ctime_nsec) = (times.changed.seconds, times.changed.nanoseconds.into());
    stat
}

/// `statx(directory, path, flags, mask, to)`
pub(super) fn statx(call: &mut Call) -> Result {
    const KNOWN: u32 =
        linux::AT_EMPTY_PATH | linux::AT_SYMLINK_NOFOLLOW | linux::AT_NO_AUTOMOUNT | linux::AT_STATX_SYNC_TYPE;
    let (flags, mask) = (call.argument(2) as u32, call.argument(3) as u32);
    if flags & !KNOWN != 0 || mask & linux::STATX__RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let metadata = call.target(0, flags)?.metadata();
    write_user(call.argument(4), &statx_of(&metadata))?;
    Ok(0)
}

fn statx_of(metadata: &Metadata) -> linux::statx {
    // SAFETY: zeros are a value of it.
    let mut statx: linux::statx = unsafe { mem::zeroed() };
    let time =
        |time: Timestamp| linux::statx_timestamp { tv_sec: time.seconds, tv_nsec: time.nanoseconds, __reserved: 0 };
    statx.stx_mask = linux::STATX_BASIC_STATS;
    statx.stx_blksize = PAGE_SIZE as u32;
    statx.stx_nlink = metadata.links;
    statx.stx_uid = metadata.user;
    statx.stx_gid = metadata.group;
    statx.stx_mode = metadata.mode as u16;
    statx.stx_ino = metadata.inode;
    statx.stx_size = metadata.size;
    statx.stx_blocks = metadata.blocks;
    statx.stx_atime = time(metadata.times.accessed);
    statx.stx_ctime = time(metadata.times.changed);
    statx.stx_mtime = time(metadata.times.modified);
    statx.stx_rdev_major = metadata.special.major;
    statx.stx_rdev_minor = metadata.special.minor;
    statx.stx_dev_minor = metadata.device;
    statx
}

/// `statfs(path, to)`
pub(super) fn statfs(call: &mut Call) -> Result {
    let path = call.path(0)?;
    let node = walk(&root(), &call.process.location.directory(), &path, Last::Follow)?.found()?;
    write_user(call.argument(1), &statfs_of(Some(&node)))?;
    Ok(0)
}

pub(super) fn fstatfs(call: &mut Call) -> Result {
    let open = call.file(0)?;
    write_user(call.argument(1), &statfs_of(open.node()))?;
    Ok(0)
}

fn statfs_of(node: Option<&Node>) -> linux::statfs {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    const PROC_MAGIC: i64 = 0x9fa0;
    const PIPEFS_MAGIC: i64 = 0x5049_5045;
    // SAFETY: zeros are a value of it.
    let mut statfs: linux::statfs = unsafe { mem::zeroed() };
    statfs.f_bsize = PAGE_SIZE as i64;
    statfs.f_frsize = PAGE_SIZE as i64;
    statfs.f_namelen = NAME_LIMIT as i64;
    match node {
        Some(Node::Memory(_)) => {
            let (used, limit) = tmpfs::usage();
            let free = limit.saturating_sub(used) as i64;
            statfs.f_type = TMPFS_MAGIC;
            statfs.f_blocks = limit as i64;
            (statfs.f_bfree, statfs.f_bavail) = (free, free);
            statfs.f_files = tmpfs::inode_limit() as i64;
            statfs.f_ffree = tmpfs::inode_limit().saturating_sub(tmpfs::inodes()) as i64;
        }
        Some(Node::Proc(_)) => statfs.f_type = PROC_MAGIC,
        Some(Node::Open(_)) | None => statfs.f_type = PIPEFS_MAGIC,
    }
    statfs
}
