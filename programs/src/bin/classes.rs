//! The program `programs::classes`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(classes);
