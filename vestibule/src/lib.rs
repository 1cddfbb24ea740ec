//! Exception entry and exit: the generic half.
#![no_std]
#![forbid(unsafe_code)]
