//! The kernel in `examples/minimal-kernel`: it is given no program, and does what its documentation says.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::boot_test::BootTest;
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;
use crate::{build, machine};

/// Each thread is preempted, and each comes back.
pub const TEST: BootTest = BootTest {
    name: "minimal kernel",
    cpus: 1,
    command_line: "",
    lines: &["thread 0 preempted", "thread 1 preempted", "thread 0 preempted", "thread 1 preempted"],
    status: 0,
};

/// Boots it, as its documentation says.
pub fn check(toolchain: &Toolchain, qemu: &Qemu, limit: Duration) -> Result<()> {
    let mut command = qemu.command();
    command.args(["-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-display", "none", "-serial", "stdio"]);
    command.args(["-nic", "none", "-semihosting-config", "enable=on,target=native"]);
    command.arg("-kernel").arg(build::minimal_kernel(toolchain)?);
    let started = Instant::now();
    let name = format!("boot test {}", TEST.name);
    let boot = machine::run_to_end(command, limit).with_context(|| name.clone())?;
    TEST.judge(&boot).map_err(|why| anyhow!("{name}: {why}\nits console:\n{}", boot.terminal))?;
    println!("{name} ... ok ({:.1} s)", started.elapsed().as_secs_f32());
    Ok(())
}
