//! Calling a handler, and coming back from it: the frame on the user's stack.

use core::mem::MaybeUninit;

use linux_raw_sys::general as linux;

use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;
use vestibule_arm64::fpsimd::{self, Fpsimd};
use vestibule_arm64::pstate::{BTYPE, sanitise};

use super::layout::{self, Head, RecordHead, SignalFrame};
use super::{Action, AlternateStack, Info, Origin, SignalSet};
use crate::address_space::SIGNAL_RETURN;
use crate::branch_targets;
use crate::errno::{Errno, Result};
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::task::Task;
use crate::user_copy::{Fault, check_range, read_user, read_user_into, read_user_to, write_user, write_user_from};

/// Changes `frame` so that user mode goes on in the handler; everything else goes to the user's stack.
pub fn handler(
    cpu: &Cpu<ProcessContext>,
    task: &Task,
    frame: &mut Frame,
    info: &Info,
    action: &Action,
) -> core::result::Result<(), Fault> {
    let stack = task.signals.alternate.get();
    let top = match stack.top_for(frame.sp) {
        Some(top) if action.has(linux::SA_ONSTACK) => top,
        _ => frame.sp,
    };
    let place = SignalFrame::below(top);
    check_range(place.address(), layout::SIZE)?;
    let blocked = task.signals.blocked();
    let head = Head::new(info, stack.to_words(frame.sp), task.signals.to_put_back().bits());
    let (fault_address, syndrome) = match info.origin {
        Origin::Fault { address, syndrome } => (address, syndrome),
        Origin::Instruction { syndrome, .. } => (0, syndrome),
        _ => (0, 0),
    };
    write_user(place.head(), head.words())?;
    write_user(place.fault_address(), &fault_address)?;
    write_user(place.registers(), layout::registers(frame))?;
    write_records(place, fpsimd::save(cpu), syndrome)?;
    write_user(place.record(), &[frame.regs[29], frame.regs[30]])?;

    let also = if action.has(linux::SA_NODEFER) { SignalSet::NONE } else { SignalSet::of(&[info.signal]) };
    task.signals.begin_handler(blocked.or(action.mask).or(also));
    if stack.disarms() {
        task.signals.alternate.set(AlternateStack::NONE);
    }
    frame.regs[0] = u64::from(info.signal.number());
    if action.has(linux::SA_SIGINFO) {
        frame.regs[1] = place.info() as u64;
        frame.regs[2] = place.user_context() as u64;
    }
    frame.regs[29] = place.record() as u64;
    frame.regs[30] = if action.has(linux::SA_RESTORER) { action.restorer } else { SIGNAL_RETURN } as u64;
    frame.sp = place.address() as u64;
    frame.pc = action.handler as u64;
    frame.pstate = branch_targets::pstate_of_handler(layout::pstate_of_handler(frame.pstate));
    frame.forget_syscall();
    Ok(())
}

/// `rt_sigreturn`: everything as the frame on the user's stack says, as far as that is a user's to say.
pub fn back(cpu: &mut Cpu<ProcessContext>, task: &Task, frame: &mut Frame) -> Result<()> {
    // Whatever X0 will be, and even if there is no frame.
    frame.forget_syscall();
    let place = SignalFrame::at(frame.sp).ok_or(Errno::EFAULT)?;
    let [base, flags, size, mask]: [u64; 4] = read_user(place.stack_and_mask())?;
    let mut vectors = MaybeUninit::uninit();
    let vectors = read_records(place, &mut vectors)?;
    let read = read_user_into(layout::registers_mut(frame), place.registers());
    // Whatever it was: nobody goes on with a PSTATE that is not a user's.
    let (pstate, clean) = sanitise(frame.pstate);
    frame.pstate = if Bug::LostBranch.is_planted() { pstate & !BTYPE } else { pstate };
    read?;
    if !clean {
        return Err(Errno::EINVAL);
    }
    fpsimd::set_registers(cpu, vectors);
    task.signals.block(SignalSet::from_bits(mask));
    // A stack that is none is no reason to give up a whole frame.
    _ = task.signals.alternate.change([base, flags, size], frame.sp);
    Ok(())
}

/// The FP/SIMD registers, and a fault's syndrome if there is one.
fn write_records(place: SignalFrame, registers: *const Fpsimd, syndrome: u64) -> core::result::Result<(), Fault> {
    let record = |offset| place.other_record(offset).ok_or(Fault);
    let fpsimd = record(0)?;
    // SAFETY: the task's own, which goes on in the kernel; numbers are read, while nobody writes, and bytes by the copy.
    unsafe {
        let status = u64::from((*registers).status) | u64::from((*registers).control) << 32;
        write_user(fpsimd, &[RecordHead::FPSIMD.to_word(), status])?;
        write_user_from(fpsimd.wrapping_add(layout::BEFORE_VECTORS), &raw const (*registers).vectors)?;
    }
    let mut end = RecordHead::FPSIMD.size as usize;
    if syndrome != 0 {
        write_user(record(end)?, &[RecordHead::SYNDROME.to_word(), syndrome])?;
        end += RecordHead::SYNDROME.size as usize;
    }
    write_user(record(end)?, &0_u64)
}

/// FP/SIMD registers are there once; nothing is there that this kernel has not written, but a fault's syndrome.
fn read_records(place: SignalFrame, registers: &mut MaybeUninit<Fpsimd>) -> Result<&Fpsimd> {
    let mut found = false;
    let to = registers.as_mut_ptr();
    let mut offset = 0;
    loop {
        let record = place.other_record(offset).ok_or(Errno::EINVAL)?;
        let [head, status]: [u64; 2] = read_user(record)?;
        let head = RecordHead::from_word(head);
        match head {
            // SAFETY: all of them have been written.
            RecordHead::END if found => return Ok(unsafe { registers.assume_init_ref() }),
            RecordHead::FPSIMD if !found => {
                // SAFETY: these are the caller's fields, and valid for writes.
                unsafe {
                    read_user_to(&raw mut (*to).vectors, record.wrapping_add(layout::BEFORE_VECTORS))?;
                    (&raw mut (*to).status).write(status as u32);
                    (&raw mut (*to).control).write((status >> 32) as u32);
                    (&raw mut (*to).reserved).write([0; 2]);
                }
                found = true;
            }
            RecordHead::SYNDROME => {}
            _ => return Err(Errno::EINVAL),
        }
        offset += head.size as usize;
    }
}
