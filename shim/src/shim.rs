//! Everything of the shim.

mod boot;
mod cpu;
mod device_tree;
mod host;
mod interrupts;
mod psci;
mod registers;
mod request;
mod serror;
mod step;
mod synchronous;
mod vectors;

use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    host::give_up(format_args!("{info}"))
}
