//! Linux's error numbers, and the results of what can end with one.

use linux_raw_sys::errno;

#[cfg(target_os = "none")]
use crate::frames::OutOfMemory;
#[cfg(target_os = "none")]
use crate::user_copy::Fault;
#[cfg(target_os = "none")]
use crate::wait::Interrupted;

/// An error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(u32);

/// What ends with an error number.
pub type Result<T = usize> = core::result::Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident)*) => {
        #[allow(missing_docs, reason = "their names are what they are known by")]
        impl Errno {
            $(pub const $name: Errno = Errno(errno::$name);)*
        }
    };
}

errnos! {
    E2BIG EACCES EAGAIN EBADF EBUSY ECHILD EEXIST EFAULT EFBIG EINTR EINVAL EIO EISDIR ELOOP EMFILE
    ENAMETOOLONG ENODEV ENOENT ENOEXEC ENOMEM ENOSPC ENOSYS ENOTDIR ENOTEMPTY ENOTTY ENXIO EOPNOTSUPP EOVERFLOW
    EPERM EPIPE ERANGE ESPIPE ESRCH ETIMEDOUT EXDEV
}

/// What a system call says that a signal interrupted. User mode never sees them: on the way there each becomes a restart of
/// the call, or EINTR.
impl Errno {
    /// Restart, unless a handler runs that was installed without SA_RESTART.
    pub const ERESTARTSYS: Errno = Errno(512);
    /// Restart, unless a handler runs.
    pub const ERESTARTNOHAND: Errno = Errno(514);
    /// Restart what is left of it, by `restart_syscall`, unless a handler runs.
    pub const ERESTART_RESTARTBLOCK: Errno = Errno(516);

    /// Is it one of those?
    pub const fn is_internal(self) -> bool {
        self.0 >= Errno::ERESTARTSYS.0
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// What X0 says.
    pub const fn to_register(self) -> u64 {
        (self.0 as u64).wrapping_neg()
    }
}

#[cfg(target_os = "none")]
impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Errno::EFAULT
    }
}

#[cfg(target_os = "none")]
impl From<OutOfMemory> for Errno {
    fn from(_: OutOfMemory) -> Self {
        Errno::ENOMEM
    }
}

#[cfg(target_os = "none")]
impl From<Interrupted> for Errno {
    fn from(_: Interrupted) -> Self {
        Errno::ERESTARTSYS
    }
}
