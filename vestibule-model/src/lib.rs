//! Everything that can arrive, at every step of the shipped entry and exit code.

pub mod cpu;
pub mod design;
pub mod event;
pub mod explore;
pub mod family;
pub mod ghost;
pub mod hardware;
pub mod kernel;
pub mod observe;
pub mod op;
pub mod oracle;
pub mod record;
pub mod shadow;
pub mod step;
pub mod vector;
pub mod verdict;
pub mod world;

mod fibers;
mod machine;
mod rules;
