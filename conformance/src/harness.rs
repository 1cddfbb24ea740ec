//! Everything of the harness.

mod boot;
mod host;
mod interrupts;
mod run;
mod vectors;

use conformance::{EXCEPTIONS, PROGRAMS, Program, RECORDS_FILE, Record};
use zerocopy::{FromZeros, IntoBytes};

/// Runs the programs. Ends the machine: with status 0 when all of them have run.
extern "C" fn main() -> ! {
    interrupts::set_up();
    let mut file = host::File::create(RECORDS_FILE);
    for program in programs() {
        let mut records = <[Record; EXCEPTIONS]>::new_zeroed();
        interrupts::clear();
        run::run(program, &mut records);
        // At once, so that a program that does not end can be told by what is missing.
        file.write(records.as_bytes());
    }
    file.close();
    host::exit(0)
}

/// What QEMU loaded.
fn programs() -> &'static [Program] {
    // SAFETY: QEMU loaded their number there, and after it as many programs, for which any bytes are valid; nobody
    // writes there.
    unsafe {
        let count = *(PROGRAMS as *const u64) as usize;
        core::slice::from_raw_parts((PROGRAMS + 8) as *const Program, count)
    }
}
