//! The order in which the kernel comes up, on the first CPU and on the others.

use alloc::boxed::Box;
use core::fmt::Display;
use core::panic::PanicInfo;

use crate::device_tree::{DeviceTree, DeviceTreeError};
use crate::layout::{self, PhysicalAddress, image_to_physical};
use crate::options::Options;
use crate::power::{self, Status};
use crate::stacks::Stack;
use crate::{
    boot, branch_targets, clocks, cycle_counter, early_vectors, frames, gic, hardware_capabilities, memory_operations,
    mte, paging, percpu, pointer_authentication, println, psci, random, report, rtc, self_check, smp, system, timer,
    uart,
};

/// First Rust on the first CPU: on the boot stack, with the boot tables, everything masked.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(device_tree: usize) -> ! {
    early_vectors::install();
    if let Err(why) = memory_up(PhysicalAddress(device_tree)) {
        println!("{why}");
        power::exit(Status::Failure);
    }
    let top = Stack::new().expect("memory for the first stack").leak();
    // SAFETY: the stack is new and stays for ever; what is still on the boot stack is not needed again.
    unsafe { boot::continue_on_stack(top, first_cpu_main, device_tree) }
}

/// Brings up what the rest stands on: console, firmware calls, frames and with them the heap, the kernel's own tables.
fn memory_up(device_tree: PhysicalAddress) -> Result<(), DeviceTreeError> {
    let tree = DeviceTree::at(device_tree)?;
    let serial = tree.serial_ports()?;
    uart::TERMINAL.set_address(serial.terminal.start);
    uart::LOG.set_address(serial.log.start);
    if let Some(conduit) = tree.psci_conduit()? {
        psci::set_conduit(conduit);
    }
    let gic = tree.gic()?;

    let image = layout::image();
    let image = image_to_physical(image.text.start)..image_to_physical(image.data.end);
    let nothing = PhysicalAddress(0)..PhysicalAddress(0);
    frames::init(&tree, &[image, tree.blob(), tree.initrd()?.unwrap_or(nothing.clone())]);
    let clock = tree.real_time_clock().unwrap_or(nothing);
    mte::init_memory();
    paging::init(&tree, &[serial.terminal, serial.log, gic.distributor, gic.redistributors, clock]);
    boot::leave_identity_map();
    Ok(())
}

/// The first CPU, on a stack of its own.
extern "C" fn first_cpu_main(device_tree: usize) -> ! {
    match start(PhysicalAddress(device_tree)) {
        Ok(()) => power::exit(Status::Success),
        Err(why) => {
            println!("{why}");
            power::exit(Status::Failure)
        }
    }
}

fn start(device_tree: PhysicalAddress) -> Result<(), Box<dyn Display>> {
    let tree = DeviceTree::at(device_tree).map_err(boxed)?;
    let timer_interrupt = tree.virtual_timer_interrupt().map_err(boxed)?;
    // Before any other CPU runs: each enables it for itself.
    timer::init(timer_interrupt);
    if let Some(clock) = tree.real_time_clock() {
        clocks::set_real(rtc::seconds(clock.start) * clocks::SECOND);
    }
    if let Some(interrupt) = tree.counter_interrupt() {
        cycle_counter::init(interrupt);
    }
    percpu::init(tree.cpus());
    gic::init(&tree.gic().map_err(boxed)?).map_err(boxed)?;
    cpu_up(0);
    percpu::cpu(0).set_online();
    let online = smp::start_secondaries();
    report(&tree, online).map_err(boxed)?;
    self_check::run(timer_interrupt);
    let options = Options::parse(tree.command_line()).map_err(boxed)?;
    mte::use_for(options.tags);
    random::init(tree.random_seed());
    let terminal_interrupt = tree.serial_ports().map_err(boxed)?.terminal_interrupt;
    system::run_first(&options, tree.initrd().map_err(boxed)?, terminal_interrupt)
}

fn boxed(why: impl Display + 'static) -> Box<dyn Display> {
    Box::new(why)
}

/// What every CPU does for itself. The port's vectors come here too.
fn cpu_up(cpu: usize) {
    #[cfg(feature = "allint")]
    crate::superpriority::init_cpu();
    mte::init_cpu();
    branch_targets::init_cpu();
    pointer_authentication::init_cpu();
    memory_operations::init_cpu();
    timer::init_cpu();
    gic::init_cpu(cpu);
}

fn report(tree: &DeviceTree, online: usize) -> Result<(), DeviceTreeError> {
    let bytes: usize = tree.memory().map(|range| range.end - range.start).sum();
    let initrd = tree.initrd()?.map_or(0, |range| range.end - range.start);
    println!("CPUs: {online} of {} online", percpu::count());
    println!("memory: {} KiB, {} KiB free", bytes / 1024, frames::free_count() * 4);
    println!("initrd: {initrd} bytes");
    println!("command line: {}", tree.command_line());
    hardware_capabilities::tell_of_speculation();
    let check = paging::check_kernel();
    println!(
        "kernel map: {} KiB, {} KiB writable, {} KiB executable, none both",
        check.mapped / 1024,
        check.writable / 1024,
        check.executable / 1024
    );
    Ok(())
}

/// First Rust on another CPU: on its own stack, with the kernel's tables, everything masked.
#[unsafe(no_mangle)]
extern "C" fn secondary_main(cpu: usize) -> ! {
    early_vectors::install();
    boot::leave_identity_map();
    cpu_up(cpu);
    self_check::answer_ipis(cpu);
    system::run_other(cpu)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    report::panic(info)
}
