//! The program `programs::files`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(files);
