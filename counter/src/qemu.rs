//! The part of QEMU's plugin interface (API 4, QEMU 10) that the counter uses.

use crate::report::Counts;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// The version of the interface these declarations follow; QEMU looks for it before it calls [`crate::plugin::install`].
#[unsafe(export_name = "qemu_plugin_version")]
pub static VERSION: c_int = 4;

pub type PluginId = u64;
pub type VcpuCallback = extern "C" fn(PluginId, c_uint);
pub type TranslationCallback = extern "C" fn(PluginId, Block);
pub type ExitCallback = extern "C" fn(PluginId, *mut c_void);
pub type ExecutionCallback = extern "C" fn(c_uint, *mut c_void);

/// What QEMU tells a plugin about the machine.
#[repr(C)]
pub struct Info {
    target_name: *const c_char,
    minimum_version: c_int,
    current_version: c_int,
    system_emulation: bool,
    vcpus: [c_int; 2],
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        #[repr(C)]
        struct $name {
            _opaque: [u8; 0],
        }
    )*};
}
opaque!(RawBlock, RawInstruction, RawRegister, RawBoard);

/// One of the `u64` in each CPU's element of a scoreboard. Passed by value.
#[repr(C)]
#[derive(Clone, Copy)]
struct BoardField {
    board: *mut RawBoard,
    offset: usize,
}

#[repr(C)]
struct RegisterDescription {
    handle: *mut RawRegister,
    name: *const c_char,
    feature: *const c_char,
}

/// GLib's GArray and GByteArray, which differ in the type of their elements only.
#[repr(C)]
struct Array<T> {
    data: *mut T,
    length: c_uint,
}

const ADD_U64: c_int = 0;
const READS_REGISTERS: c_int = 1;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_init_cb(id: PluginId, callback: VcpuCallback);
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: PluginId, callback: TranslationCallback);
    fn qemu_plugin_register_atexit_cb(id: PluginId, callback: ExitCallback, data: *mut c_void);
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut RawInstruction,
        callback: ExecutionCallback,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
        instruction: *mut RawInstruction,
        operation: c_int,
        field: BoardField,
        immediate: u64,
    );
    fn qemu_plugin_tb_n_insns(block: *const RawBlock) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const RawBlock, index: usize) -> *mut RawInstruction;
    fn qemu_plugin_insn_vaddr(instruction: *const RawInstruction) -> u64;
    fn qemu_plugin_insn_data(instruction: *const RawInstruction, into: *mut c_void, length: usize) -> usize;
    fn qemu_plugin_get_registers() -> *mut Array<RegisterDescription>;
    fn qemu_plugin_read_register(handle: *mut RawRegister, into: *mut Array<u8>) -> c_int;
    fn qemu_plugin_scoreboard_new(element_size: usize) -> *mut RawBoard;
    fn qemu_plugin_scoreboard_find(board: *mut RawBoard, vcpu: c_uint) -> *mut c_void;

    fn g_array_free(array: *mut Array<RegisterDescription>, free_segment: c_int) -> *mut c_char;
    fn g_byte_array_new() -> *mut Array<u8>;
    fn g_byte_array_set_size(array: *mut Array<u8>, length: c_uint) -> *mut Array<u8>;
}

/// Has QEMU call the three at the beginning of each CPU, at each translation and at its own end.
pub fn register(id: PluginId, cpu_begins: VcpuCallback, translated: TranslationCallback, ends: ExitCallback) {
    // SAFETY: `id` is the one QEMU gave us; the functions live as long as the plugin, which is never unloaded.
    unsafe {
        qemu_plugin_register_vcpu_init_cb(id, cpu_begins);
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, ends, ptr::null_mut());
    }
}

impl Info {
    /// Whether a whole machine with AArch64 CPUs is emulated.
    pub fn is_aarch64_system(&self) -> bool {
        // SAFETY: QEMU gives a string that lives through the call of `install`, as does `self`.
        let target = unsafe { CStr::from_ptr(self.target_name) };
        self.system_emulation && target == c"aarch64"
    }
}

/// A block while it is being translated; valid inside the translation callback only.
#[repr(transparent)]
pub struct Block(NonNull<RawBlock>);

/// An instruction of such a block.
pub struct Instruction<'block>(NonNull<RawInstruction>, PhantomData<&'block Block>);

impl Block {
    pub fn instructions(&self) -> impl Iterator<Item = Instruction<'_>> {
        // SAFETY: the block is valid: see its documentation.
        let length = unsafe { qemu_plugin_tb_n_insns(self.0.as_ptr()) };
        (0..length).map(|index| {
            // SAFETY: the block is valid and `index` below its length.
            let raw = unsafe { qemu_plugin_tb_get_insn(self.0.as_ptr(), index) };
            Instruction(NonNull::new(raw).expect("QEMU gives each instruction of a block"), PhantomData)
        })
    }
}

impl Instruction<'_> {
    pub fn address(&self) -> u64 {
        // SAFETY: valid as long as the block, which is borrowed.
        unsafe { qemu_plugin_insn_vaddr(self.0.as_ptr()) }
    }

    /// The encoding; `None` for an instruction of another length than that of A64.
    pub fn word(&self) -> Option<u32> {
        let mut bytes = [0; 4];
        // SAFETY: valid as long as the block; QEMU writes at most the length given.
        let length = unsafe { qemu_plugin_insn_data(self.0.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) };
        (length == bytes.len()).then(|| u32::from_le_bytes(bytes))
    }

    /// Adds one to the field at `offset` in the executing CPU's counters, before each execution.
    /// Calls and additions registered for one instruction take place in the order of their registration.
    pub fn count(&self, board: &Scoreboard, offset: usize) {
        assert!(offset.is_multiple_of(size_of::<u64>()) && offset < size_of::<Counts<u64>>());
        let field = BoardField { board: board.0.as_ptr(), offset };
        // SAFETY: the instruction is valid as long as the block; the scoreboard lives for ever; the field is in it.
        unsafe { qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(self.0.as_ptr(), ADD_U64, field, 1) }
    }

    /// Calls `callback` with `data` before each execution; it may read registers.
    pub fn call(&self, callback: ExecutionCallback, data: usize) {
        let data = ptr::without_provenance_mut(data);
        // SAFETY: the instruction is valid as long as the block; `data` is a number and never dereferenced.
        unsafe { qemu_plugin_register_vcpu_insn_exec_cb(self.0.as_ptr(), callback, READS_REGISTERS, data) }
    }
}

/// Counters for each CPU, which QEMU's generated code advances.
pub struct Scoreboard(NonNull<RawBoard>);

// SAFETY: QEMU itself guards the scoreboard; see `counters` for what one CPU may read.
unsafe impl Send for Scoreboard {}
// SAFETY: as above.
unsafe impl Sync for Scoreboard {}

impl Scoreboard {
    pub fn new() -> Scoreboard {
        // SAFETY: no precondition. The elements begin as zeros.
        let raw = unsafe { qemu_plugin_scoreboard_new(size_of::<Counts<u64>>()) };
        Scoreboard(NonNull::new(raw).expect("QEMU aborts when it has no memory"))
    }

    /// The counters of `vcpu`, which must be the CPU that the callback in progress is for: only it advances them.
    pub fn counters(&self, vcpu: c_uint) -> Counts<u64> {
        // SAFETY: QEMU has an element for each CPU that runs, aligned for u64 and of the size asked for, in which every bit
        // pattern is valid; nobody else writes it during this CPU's callback.
        unsafe { qemu_plugin_scoreboard_find(self.0.as_ptr(), vcpu).cast::<Counts<u64>>().read() }
    }
}

/// The registers of one CPU that the counter reads.
pub struct Registers {
    pub stack_pointer: Register,
    pub pstate: Register,
    pub syndrome: Register,
    pub vector_base: Register,
    pub x8: Register,
}

/// A register and a buffer for its value.
pub struct Register {
    handle: NonNull<RawRegister>,
    buffer: NonNull<Array<u8>>,
}

// SAFETY: the handle is a name for a register, and the buffer belongs to this value alone.
unsafe impl Send for Register {}

impl Registers {
    /// The registers of the CPU whose beginning is being announced.
    pub fn of_this_cpu() -> Result<Registers, String> {
        // SAFETY: called on a CPU's thread, from the callback in which QEMU allows it.
        let list = unsafe { qemu_plugin_get_registers() };
        // SAFETY: QEMU returns an array of so many descriptions, which is ours to free.
        let all = unsafe { std::slice::from_raw_parts((*list).data, (*list).length as usize) };
        let registers = Registers::among(all);
        // SAFETY: from QEMU, freed once, and `all` is not used any more. The handles and names outlive it.
        unsafe { g_array_free(list, 1) };
        registers
    }

    fn among(all: &[RegisterDescription]) -> Result<Registers, String> {
        let find = |wanted: &CStr| {
            // SAFETY: names are strings that live as long as QEMU.
            let found = all.iter().find(|register| unsafe { CStr::from_ptr(register.name) } == wanted);
            let handle = found.and_then(|register| NonNull::new(register.handle));
            handle.map(Register::new).ok_or_else(|| format!("the CPU has no register {wanted:?}"))
        };
        Ok(Registers {
            stack_pointer: find(c"sp")?,
            pstate: find(c"cpsr")?,
            syndrome: find(c"ESR_EL1")?,
            vector_base: find(c"VBAR")?,
            x8: find(c"x8")?,
        })
    }
}

impl Register {
    fn new(handle: NonNull<RawRegister>) -> Register {
        // SAFETY: no precondition. Never freed: it serves until QEMU ends.
        let buffer = NonNull::new(unsafe { g_byte_array_new() }).expect("GLib aborts when it has no memory");
        Register { handle, buffer }
    }

    /// The value now. Call it on the register's CPU, in a callback registered with [`Instruction::call`].
    pub fn read(&mut self) -> u64 {
        let mut bytes = [0; 8];
        // SAFETY: handle and buffer are QEMU's and GLib's; QEMU appends the bytes it reports to the emptied buffer, and no
        // more of them are copied than both sides hold.
        let length = unsafe {
            g_byte_array_set_size(self.buffer.as_ptr(), 0);
            let length = qemu_plugin_read_register(self.handle.as_ptr(), self.buffer.as_ptr());
            let length = usize::try_from(length).unwrap_or(0).min(bytes.len());
            ptr::copy_nonoverlapping(self.buffer.as_ref().data, bytes.as_mut_ptr(), length);
            length
        };
        assert!(length > 0, "QEMU could not read a register that it had listed");
        u64::from_le_bytes(bytes)
    }
}
