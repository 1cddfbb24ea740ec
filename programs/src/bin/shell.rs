//! The program `programs::shell`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(shell);
