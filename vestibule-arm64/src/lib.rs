//! Exception entry and exit: the arm64 port.
#![no_std]
