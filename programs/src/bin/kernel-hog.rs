//! The program `programs::kernel_hog`.
#![cfg_attr(target_os = "none", no_std, no_main)]
programs::program!(kernel_hog);
