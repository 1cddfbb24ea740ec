//! What user mode's synchronous exceptions are taken for that are neither system calls nor aborts nor a debugger's: an instruction
//! is done for the program, or begun anew, or the program is told by a signal. Never the end of more than the program.

use vestibule::Process as ProcessContext;
use vestibule_arm64::pstate::BTYPE;
use vestibule_arm64::{Frame, step};

use crate::hardware_capabilities;
use crate::identification::Register;
use crate::memory_operations;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::signals::{Info, Origin, raise};
use crate::syndrome::{Syndrome, class};
use crate::user_copy::read_user;

const ILLEGAL: u64 = 1 << 20;

/// The exception in `frame`.
pub fn handle(cpu: &mut Cpu<ProcessContext>, frame: &mut Frame) {
    let syndrome = Syndrome(frame.syndrome);
    let read = match syndrome.class() {
        // Which of the two it is depends on the CPU: see FEAT_IDST.
        class::UNKNOWN => read_user(frame.pc as usize).ok().and_then(Read::of_instruction),
        class::SYSTEM_REGISTER => Read::of_syndrome(frame.syndrome),
        _ => None,
    };
    if read.is_some_and(|read| read.emulate(frame)) {
        return;
    }
    if syndrome.class() == class::MEMORY_OPERATION {
        begin_anew(frame);
        return;
    }
    // Or its handler would come back here.
    frame.pstate &= !ILLEGAL;
    let told = syndrome.told();
    let address = if syndrome.class() == class::SP_ALIGNMENT { frame.sp } else { frame.pc };
    let origin = Origin::Instruction { address, syndrome: syndrome.of_instruction() };
    let info = Info { signal: told.signal, code: told.code as i32, origin };
    raise(cpu, info, syndrome.name(), frame);
}

/// A memory copy or set goes on from its first instruction: with the other two of them, that is a step.
fn begin_anew(frame: &mut Frame) {
    let mut registers = frame.regs;
    let back = memory_operations::begin_anew(frame.syndrome, frame.pstate, &mut registers);
    if !Bug::StaleOperation.is_planted() {
        frame.regs = registers;
    }
    frame.pc = frame.pc.wrapping_sub(back);
    step::over(frame);
}

/// MRS of an identification register.
struct Read {
    register: Register,
    /// Xt; 31 is none.
    to: usize,
}

impl Read {
    fn of_instruction(instruction: u32) -> Option<Read> {
        const MRS: u32 = 0xd538_0000;
        let instruction = u64::from(instruction);
        let register = Register { crm: instruction >> 8 & 0xf, op2: instruction >> 5 & 0b111 };
        (instruction & 0xffff_f000 == u64::from(MRS)).then_some(Read { register, to: (instruction & 0x1f) as usize })
    }

    /// Op0, Op2, Op1, CRn, Rt, CRm, direction. Arm ARM D24.2.40, ISS of EC 0x18.
    fn of_syndrome(syndrome: u64) -> Option<Read> {
        const ANY: u64 = 0b111 << 17 | 0x1f << 5 | 0xf << 1;
        const READ_OP0_3: u64 = 0b11 << 20 | 1;
        let register = Register { crm: syndrome >> 1 & 0xf, op2: syndrome >> 17 & 0b111 };
        (syndrome & 0x3f_ffff & !ANY == READ_OP0_3).then_some(Read { register, to: (syndrome >> 5 & 0x1f) as usize })
    }

    /// Does it for the program, if that may read it.
    fn emulate(self, frame: &mut Frame) -> bool {
        let Some(value) = hardware_capabilities::shown(self.register) else { return false };
        let value = if Bug::ZeroId.is_planted() { 0 } else { value };
        if let Some(to) = frame.regs.get_mut(self.to) {
            *to = value;
        }
        frame.pc += 4;
        frame.pstate &= !BTYPE;
        step::over(frame);
        true
    }
}
