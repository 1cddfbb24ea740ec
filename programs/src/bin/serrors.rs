//! The program `programs::serrors`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(serrors);
