//! Files: the tree of names, what is open, and what stands behind it.
//!
//! ```text
//!   FileTable: number --> OpenFile: position, flags --> dyn File: tmpfs inode, pipe end, device, terminal
//!                                                           ^
//!   path --walk--> Node: place in the tree of names --open--+
//! ```
//!
//! The tree is in memory. The initial RAM disk, a cpio archive, fills it; what its files hold stays in the RAM disk until it
//! is written. What does not need the kernel (archives, walks, the tree itself, what files and pipes hold) is pure, and
//! tested on the host.

pub mod cpio;
mod data;
mod page;
mod pages;
pub mod path;
mod ring;
mod sides;
pub mod stat;
pub mod tmpfs;

#[cfg(target_os = "none")]
pub mod devices;
#[cfg(target_os = "none")]
mod fifo;
#[cfg(target_os = "none")]
pub mod file;
#[cfg(target_os = "none")]
mod fill;
#[cfg(target_os = "none")]
mod memory_file;
#[cfg(target_os = "none")]
pub mod node;
#[cfg(target_os = "none")]
pub mod open;
#[cfg(target_os = "none")]
pub mod pipe;
#[cfg(target_os = "none")]
pub mod proc;
#[cfg(target_os = "none")]
pub mod table;

#[cfg(target_os = "none")]
pub use fill::{fill, find, first_table, locate, root};

/// Named pipes on the host: an inode has one, and nobody opens it.
#[cfg(not(target_os = "none"))]
mod fifo {
    pub struct Meeting;

    impl Meeting {
        pub const fn new() -> Self {
            Meeting
        }
    }
}
