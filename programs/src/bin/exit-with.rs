//! The program `programs::exit_with`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(exit_with);
