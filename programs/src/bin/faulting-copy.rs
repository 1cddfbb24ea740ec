//! The program `programs::faulting_copy`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(faulting_copy);
