//! A program on the model's CPU. What surrounds the CPU is here: memory, the interrupt controller, and which instruction
//! is an exception at which level.

use conformance::{
    BLOCK, CODE, EXCEPTIONS, KERNEL_DATA, RETURNS, Record, SP_EL1, UNMAPPED, USER_DATA, WORDS, resumable,
};
use vestibule_model::cpu::{Cpu, DAIF, F, I, Level, Route};

use crate::instruction::{Instruction, Register};
use crate::program::Program;
use crate::rules::{After, Rule};

/// More than a program can need: between two exceptions or exception returns it goes forward only.
const MOST_STEPS: usize = (EXCEPTIONS + RETURNS as usize + 1) * (WORDS + 1);

/// What can be read of PSTATE, where SPSR_EL1 has it: NZCV, TCO, PAN, DAIF, CurrentEL, SPSel.
const READABLE: u64 = NZCV | TCO | PAN | DAIF_BITS | CURRENT_EL | SP_SEL;
const NZCV: u64 = 0xf << 28;
const TCO: u64 = 1 << 25;
const PAN: u64 = 1 << 22;
const DAIF_BITS: u64 = (DAIF as u64) << 6;
const CURRENT_EL: u64 = 0b11 << 2;
const SP_SEL: u64 = 1;

/// A program, run.
pub struct Run {
    pub records: Vec<Record>,
    /// How many instructions completed, without those that do nothing.
    pub instructions: u64,
    pub legal_returns: u64,
    pub illegal_returns: u64,
}

impl Run {
    /// Runs `program` by the CPU's rules, changed by `rules`. With a wrong rule there may be fewer records than there should.
    pub fn of(program: &Program, rules: &[Rule]) -> Self {
        let mut machine = Machine::new(program, rules);
        let mut steps = 0..MOST_STEPS;
        while machine.run.records.len() < EXCEPTIONS && steps.next().is_some() {
            machine.step();
        }
        machine.run
    }
}

struct Machine<'a> {
    program: &'a Program,
    rules: &'a [Rule],
    cpu: Cpu,
    /// X16 to X23.
    reads: [u64; 8],
    /// X28.
    returns: u64,
    fiq: bool,
    irq: bool,
    run: Run,
}

/// A synchronous exception.
struct Exception {
    esr: u64,
    far: Option<u64>,
}

const IL: u64 = 1 << 25;

impl Exception {
    const UNDEFINED: Self = Self::new(0x00, 0);
    const ILLEGAL_STATE: Self = Self::new(0x0e, 0);

    const fn new(class: u64, iss: u64) -> Self {
        Self { esr: class << 26 | IL | iss, far: None }
    }

    /// An access to a system register or PSTATE field that user mode may not make.
    fn trapped([op0, op1, crn, crm, op2]: [u32; 5], register: u32, read: bool) -> Self {
        let iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | register << 5 | crm << 1 | u32::from(read);
        Self::new(0x18, iss.into())
    }

    /// `class` is that of an abort from user mode.
    fn abort(class: u64, level: Level, status: u64, address: u64) -> Self {
        let class = class + u64::from(level == Level::El1);
        Self { far: Some(address), ..Self::new(class, status) }
    }
}

/// Why memory cannot be accessed, as ESR says it: what, at which level of the tables.
const TRANSLATION_1: u64 = 0x05;
const TRANSLATION_2: u64 = 0x06;
const PERMISSION_1: u64 = 0x0d;
const PERMISSION_2: u64 = 0x0e;

impl<'a> Machine<'a> {
    /// The harness's ERET into the program is done.
    fn new(program: &'a Program, rules: &'a [Rule]) -> Self {
        let cpu = Cpu { elr: program.elr, spsr: program.spsr, ..Cpu::new() };
        let run =
            Run { records: Vec::with_capacity(EXCEPTIONS), instructions: 0, legal_returns: 0, illegal_returns: 0 };
        let mut machine = Self { program, rules, cpu, reads: [0; 8], returns: RETURNS, fiq: false, irq: false, run };
        machine.exception_return();
        machine
    }

    fn step(&mut self) {
        if let Some(route) = self.interrupt() {
            self.take(route, None, None);
            return;
        }
        let done = self.fetch().and_then(|instruction| match self.cpu.pstate.il {
            true => Err(Exception::ILLEGAL_STATE),
            false => self.execute(instruction).map(|()| instruction),
        });
        match done {
            Ok(Instruction::Nop) => {}
            Ok(_) => self.run.instructions += 1,
            Err(exception) => self.take(Route::Sync, Some(exception.esr), exception.far),
        }
    }

    /// What the controller signals, if nothing masks it.
    fn interrupt(&self) -> Option<Route> {
        let masked = |bit| self.cpu.pstate.daif & bit != 0;
        match (self.fiq, self.irq) {
            (true, _) => (!masked(F)).then_some(Route::Fiq),
            (false, true) => (!masked(I)).then_some(Route::Irq),
            (false, false) => None,
        }
    }

    fn fetch(&self) -> Result<Instruction, Exception> {
        let (pc, level) = (self.cpu.pc, self.cpu.pstate.level);
        if pc % 4 != 0 {
            return Err(Exception { far: Some(pc), ..Exception::new(0x22, 0) });
        }
        let abort = |status| Err(Exception::abort(0x20, level, status, pc));
        match region(pc) {
            Region::Code => {
                let index = ((pc - CODE) / 4) as usize;
                Ok(*self.program.instructions.get(index).unwrap_or(&Instruction::Udf(0)))
            }
            Region::Kernel if level == Level::El1 => Ok(Instruction::Udf(0)),
            Region::Kernel => abort(PERMISSION_1),
            Region::UserData => abort(PERMISSION_2),
            Region::Unmapped(status) => abort(status),
        }
    }

    /// Completes the instruction, or leaves everything as it was.
    fn execute(&mut self, instruction: Instruction) -> Result<(), Exception> {
        use Instruction::*;
        let user = self.cpu.pstate.level == Level::El0;
        match instruction {
            Nop => {}
            DaifSet(bits) if user => return Err(Exception::trapped([0, 3, 4, bits.into(), 6], 31, false)),
            DaifClear(bits) if user => return Err(Exception::trapped([0, 3, 4, bits.into(), 7], 31, false)),
            SelectSp(_) | Pan(_) | Eret if user => return Err(Exception::UNDEFINED),
            DaifSet(bits) => self.masking(|cpu| cpu.daif_set(bits)),
            DaifClear(bits) => self.masking(|cpu| cpu.daif_clear(bits)),
            SelectSp(bit) => self.cpu.pstate.sp_el1 = bit,
            Pan(bit) => self.cpu.pstate.pan = bit,
            Tco(bit) => self.cpu.pstate.tco = bit,
            Write(register, x) => {
                self.check_access(register, x.into(), false)?;
                self.write(register, self.program.registers[usize::from(x)]);
            }
            Read(n, register) => {
                self.check_access(register, 16 + u32::from(n), true)?;
                self.reads[usize::from(n)] = self.read(register);
            }
            ReadSp(n) => self.reads[usize::from(n)] = if self.on_sp_el1() { SP_EL1 } else { self.cpu.sp_el0 },
            Load(x) => self.load(x, user)?,
            LoadUnprivileged(x) => self.load(x, true)?,
            Svc(number) => {
                self.cpu.pc += 4; // where it returns to
                return Err(Exception::new(0x15, number.into()));
            }
            Brk(number) => return Err(Exception::new(0x3c, number.into())),
            Udf(_) => return Err(Exception::UNDEFINED),
            CountReturn => self.returns = self.returns.wrapping_sub(1),
            EndIfNoReturns if self.returns >> 63 != 0 => {
                self.cpu.pc = CODE + (WORDS as u64 - 1) * 4;
                return Ok(());
            }
            EndIfNoReturns => {}
            Eret => {
                self.exception_return();
                return Ok(());
            }
        }
        self.cpu.pc += 4;
        Ok(())
    }

    fn on_sp_el1(&self) -> bool {
        self.cpu.pstate.level == Level::El1 && self.cpu.pstate.sp_el1
    }

    /// Whether MSR (or MRS) may be executed here.
    fn check_access(&self, register: Register, x: u32, read: bool) -> Result<(), Exception> {
        let user = self.cpu.pstate.level == Level::El0;
        match register {
            Register::Daif if user => Err(Exception::trapped(register.encoding(), x, read)),
            Register::Daif | Register::Nzcv | Register::Tco => Ok(()),
            _ if user => Err(Exception::UNDEFINED),
            // Not by this name while it is SP.
            Register::SpEl0 if !self.cpu.pstate.sp_el1 => Err(Exception::UNDEFINED),
            _ => Ok(()),
        }
    }

    fn write(&mut self, register: Register, value: u64) {
        let cpu = &mut self.cpu;
        match register {
            Register::Daif => self.masking(|cpu| cpu.write_daif(value)),
            Register::Nzcv => cpu.pstate.nzcv = (value >> 28) as u8 & 0xf,
            Register::SpSel => cpu.pstate.sp_el1 = value & SP_SEL != 0,
            Register::Pan => cpu.pstate.pan = value & PAN != 0,
            Register::Tco => cpu.pstate.tco = value & TCO != 0,
            Register::Elr => cpu.elr = value,
            Register::Spsr => cpu.spsr = value,
            Register::SpEl0 => cpu.sp_el0 = value,
            Register::Sgi0 => self.fiq = true,
            Register::Sgi1 => self.irq = true,
            Register::CurrentEl => unreachable!("it cannot be written"),
        }
    }

    fn read(&self, register: Register) -> u64 {
        let pstate = |mask| self.cpu.pstate.to_spsr() & mask;
        match register {
            Register::Daif => pstate(DAIF_BITS),
            Register::Nzcv => pstate(NZCV),
            Register::CurrentEl => pstate(CURRENT_EL),
            Register::SpSel => pstate(SP_SEL),
            Register::Pan => pstate(PAN),
            Register::Tco => pstate(TCO),
            Register::Elr => self.cpu.elr,
            Register::Spsr => self.cpu.spsr,
            Register::SpEl0 => self.cpu.sp_el0,
            Register::Sgi0 | Register::Sgi1 => unreachable!("they cannot be read"),
        }
    }

    fn load(&self, x: u8, as_user: bool) -> Result<(), Exception> {
        let address = self.program.registers[usize::from(x)];
        let abort = |status| Err(Exception::abort(0x24, self.cpu.pstate.level, status, address));
        match region(address) {
            Region::Kernel if as_user => abort(PERMISSION_1),
            Region::Code | Region::UserData if !as_user && self.cpu.pstate.pan => abort(PERMISSION_2),
            Region::Unmapped(status) => abort(status),
            _ => Ok(()),
        }
    }

    fn masking(&mut self, write: impl FnOnce(&mut Cpu)) {
        let before = self.cpu;
        write(&mut self.cpu);
        self.change(&before, After::Masking);
    }

    fn exception_return(&mut self) {
        let before = self.cpu;
        match self.cpu.exception_return() {
            true => self.run.legal_returns += 1,
            false => self.run.illegal_returns += 1,
        }
        self.change(&before, After::Returning);
    }

    /// Takes an exception and does what the harness does then.
    fn take(&mut self, route: Route, esr: Option<u64>, far: Option<u64>) {
        let before = self.cpu;
        self.cpu.take(esr, far);
        self.change(&before, After::Taking);
        self.change(&before, if route == Route::Sync { After::Synchronous } else { After::Interrupt });
        self.run.records.push(Record {
            vector: before.pstate.vector(route).into(),
            elr: self.cpu.elr,
            spsr: self.cpu.spsr,
            esr: self.cpu.esr,
            far: self.cpu.far,
            pstate: self.cpu.pstate.to_spsr() & READABLE,
            sp_el0: self.cpu.sp_el0,
            reads: self.reads,
            returns: self.returns,
        });
        self.cpu.elr = resumable(self.cpu.elr);
        match route {
            Route::Fiq => self.fiq = false,
            Route::Irq => self.irq = false,
            Route::Sync | Route::Serror => {}
        }
        self.cpu.pc = CODE + 4 * u64::from(self.program.continuations[self.run.records.len() - 1]);
    }

    fn change(&mut self, before: &Cpu, after: After) {
        for rule in self.rules.iter().filter(|rule| rule.after == after) {
            (rule.change)(before, &mut self.cpu);
        }
    }
}

/// What lies at an address.
enum Region {
    Code,
    UserData,
    Kernel,
    Unmapped(u64),
}

fn region(address: u64) -> Region {
    const GIGABYTE: u64 = 1 << 30;
    const RAM: u64 = KERNEL_DATA / GIGABYTE * GIGABYTE;
    match address {
        RAM..CODE => Region::Kernel,
        CODE..USER_DATA => Region::Code,
        _ if (USER_DATA..USER_DATA + BLOCK).contains(&address) => Region::UserData,
        _ if address < UNMAPPED => Region::Unmapped(TRANSLATION_2),
        _ => Region::Unmapped(TRANSLATION_1),
    }
}
