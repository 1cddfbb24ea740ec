//! Aborts: what the program or a user copy did, what memory management makes of it, and what Linux tells the program if that
//! is nothing.

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;

use crate::address_space::{FaultError, untagged};
use crate::layout::USER_END;
use crate::out_of_memory::{self, Chosen};
use crate::reference::Cpu;
use crate::regions::Access;
use crate::signals::{Info, Origin, SI_KERNEL, Signal};
use crate::syndrome::{Syndrome, class};
use crate::task::Task;

/// Why an access cannot be made good: the signal, its code, and what is printed if nobody handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    signal: Signal,
    code: i32,
    /// What went wrong.
    pub what: &'static str,
}

impl Refused {
    const fn new(signal: Signal, code: u32, what: &'static str) -> Self {
        Self { signal, code: code as i32, what }
    }

    /// For the program; without the tag that its pointer may have had. The CPU may not have said where.
    pub fn info(self, frame: &Frame) -> Info {
        let syndrome = Syndrome(frame.syndrome);
        let address = if syndrome.has_fault_address() { untagged(frame.fault_address as usize) } else { 0 };
        let (address, syndrome) = (address as u64, syndrome.of_access(address < USER_END));
        let origin = if self.code == SI_KERNEL { Origin::Kernel } else { Origin::Fault { address, syndrome } };
        Info { signal: self.signal, code: self.code, origin }
    }
}

const MEMORY_ERROR: Refused = Refused::new(Signal::SIGBUS, linux::BUS_OBJERR, "memory error");

/// Makes the access of the abort in `frame` good, or says why not. Sleeps.
pub fn resolve(cpu: &mut Cpu<ProcessContext>, frame: &Frame) -> Result<(), Refused> {
    let access = access(frame)?;
    let task = Task::current_shared(cpu);
    let nobody = Refused::new(Signal::SIGSEGV, linux::SEGV_MAPERR, "no user memory");
    let memory = task.process().and_then(|process| process.memory()).ok_or(nobody)?;
    task.cpu_time.count_fault();
    loop {
        let resolved = memory.lock(cpu).fault(frame.fault_address as usize, access);
        return match resolved {
            Ok(()) => Ok(()),
            Err(FaultError::NotMapped) => {
                Err(Refused::new(Signal::SIGSEGV, linux::SEGV_MAPERR, "nothing is mapped there"))
            }
            Err(FaultError::NotAllowed) => Err(Refused::new(Signal::SIGSEGV, linux::SEGV_ACCERR, "access not allowed")),
            Err(FaultError::BeyondEnd) => {
                Err(Refused::new(Signal::SIGBUS, linux::BUS_ADRERR, "the file that is mapped there has ended"))
            }
            Err(FaultError::OutOfMemory) => match out_of_memory::make_room(cpu) {
                Chosen::Another => continue,
                Chosen::This => Err(Refused::new(Signal::SIGKILL, SI_KERNEL as u32, "out of memory")),
            },
        };
    }
}

/// What the abort's access was, if memory management may resolve it.
fn access(frame: &Frame) -> Result<Access, Refused> {
    let syndrome = Syndrome(frame.syndrome);
    let fetches = matches!(syndrome.class(), class::INSTRUCTION_ABORT | class::INSTRUCTION_ABORT_CURRENT);
    match syndrome.status() {
        // Translation, access flag, permission.
        0x04..=0x0f if fetches => Ok(Access::Execute),
        0x04..=0x0f if syndrome.is_store() => Ok(Access::Write),
        0x04..=0x0f => Ok(Access::Read),
        0x11 => Err(Refused::new(Signal::SIGSEGV, linux::SEGV_MTESERR, "a tag check failed")),
        0x21 => Err(Refused::new(Signal::SIGBUS, linux::BUS_ADRALN, "misaligned access")),
        // External abort, error correction, an exclusive or atomic access to memory that has none.
        0x10 | 0x18 | 0x35 => Err(MEMORY_ERROR),
        // Tables that are broken are not the program's.
        _ => Err(Refused::new(Signal::SIGKILL, SI_KERNEL as u32, "abort of an unknown kind")),
    }
}
