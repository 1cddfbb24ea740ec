//! Everything that can arrive, at every step of the shipped entry and exit code.

pub mod cli;
pub mod compare;
pub mod constraints;
pub mod corpus;
pub mod cpu;
pub mod design;
pub mod event;
pub mod explore;
pub mod family;
pub mod fold;
pub mod ghost;
pub mod hardware;
pub mod html;
pub mod kernel;
pub mod observe;
pub mod op;
pub mod oracle;
pub mod record;
pub mod report;
pub mod shadow;
pub mod step;
pub mod summary;
pub mod timeline;
pub mod token;
pub mod vector;
pub mod verdict;
pub mod world;

mod corpus_run;
mod fibers;
mod machine;
mod rules;
mod shipped_run;
