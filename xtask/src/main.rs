//! Builds, boots and tests: `cargo xtask run` and `cargo xtask test` are enough on a fresh machine.
//!
//! ```text
//! run, test, count  what a person asks for
//!   build          bare-metal crates    <- toolchain     <- standard_library <- debian
//!   image          kernel ELF to what QEMU boots
//!   machine        a booted QEMU        <- qemu          <-                     debian
//!     serial, keyboard   its terminal and its log
//!     monitor        what its CPUs hold when it hangs    <- symbols
//! ```

mod backend;
mod binary;
mod boot_test;
mod boots;
mod budget;
mod build;
mod busybox;
mod c_library;
mod cache;
mod command_line;
mod compare;
mod conformance;
mod count;
mod counter;
mod counter_test;
mod debian;
mod entries;
mod image;
mod initrd;
mod interactive;
mod keyboard;
mod linux;
mod long_run;
mod machine;
mod matrix;
mod minimal_kernel;
mod model;
mod monitor;
mod mte_boots;
mod mutants;
mod name_table;
mod new_cpu_boots;
mod nmi_boots;
mod one_command;
mod process;
mod progress;
mod qemu;
mod report_boots;
mod run;
mod serial;
mod shell_lines;
mod shim_boots;
mod side_by_side;
mod standard_library;
mod suites;
mod symbols;
mod table;
mod test;
mod toolchain;
mod typist;
mod version;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Builds, boots and tests Vestibule.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Make the bare-metal toolchain and QEMU ready, which the other tasks do by themselves when they need them
    Setup,
    /// Boot the kernel with one program and end with that program's exit status
    Run(run::Options),
    /// Check everything: formatting, lints, documentation, host tests, boot tests
    Test(test::Options),
    /// Count what exception entry and exit cost in instructions, and hold it against budgets.toml
    Count(count::Options),
    /// Boot every boot test of programs on every backend, with and without tags in memory, preempted in every way, on one CPU and on four
    Matrix(matrix::Options),
    /// Ask Debian's busybox the same on our kernel and on Debian's Linux
    Compare(compare::Options),
    /// Run processes that do what processes do, for minutes, and see that nothing is lost and nothing is left
    Soak(long_run::SoakOptions),
    /// Make system calls with random arguments, for minutes, and see that the kernel lives
    Fuzz(long_run::FuzzOptions),
    /// Check what the compiler made of entry and exit code, in both kernels
    Binary(binary::Options),
    /// Hold the model's CPU against QEMU: random programs of mask writes, exceptions and exception returns on both
    Conformance(conformance::Options),
    /// Explore everything that can arrive at every step of the shipped code
    #[command(disable_help_flag = true)]
    Model(model::Options),
    /// Change the code that the model drives in small ways, and see whether the model finds it; needs cargo-mutants
    Mutants(mutants::Options),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Setup => setup(),
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::test(&options),
        Task::Count(options) => count::count(&options),
        Task::Matrix(options) => matrix::matrix(&options),
        Task::Compare(options) => compare::compare(&options),
        Task::Soak(options) => long_run::soak(&options),
        Task::Fuzz(options) => long_run::fuzz(&options),
        Task::Binary(options) => binary::binary(&options),
        Task::Conformance(options) => conformance::conformance(&options),
        Task::Model(options) => model::model(&options),
        Task::Mutants(options) => mutants::mutants(&options),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: error: {error:#}");
        ExitCode::FAILURE
    })
}

fn setup() -> anyhow::Result<ExitCode> {
    let toolchain = toolchain::Toolchain::ready()?;
    let qemu = qemu::Qemu::ready()?;
    eprintln!("xtask: {toolchain} builds for {}; {qemu} boots", toolchain::TARGET);
    Ok(ExitCode::SUCCESS)
}
