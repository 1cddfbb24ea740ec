//! From the kernel's first instruction in user mode to `main`, and out again.

use core::ffi::{CStr, c_char};

use super::print::println;
use super::syscall::exit_group;

/// What the program was started with; the first is its own name.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    count: usize,
    strings: *const *const c_char,
}

impl Arguments {
    /// The argument at `index`, 0 being the program's name.
    pub fn get(self, index: usize) -> Option<&'static str> {
        self.string(index)?.to_str().ok()
    }

    /// The same, as the kernel takes it.
    pub fn string(self, index: usize) -> Option<&'static CStr> {
        if index >= self.count {
            return None;
        }
        // SAFETY: the kernel lays `count` pointers to strings that end in zero on the first stack, which stays.
        Some(unsafe { CStr::from_ptr(*self.strings.add(index)) })
    }

    /// The argument at `index` as a number.
    pub fn number(self, index: usize) -> Option<usize> {
        self.get(index)?.parse().ok()
    }

    /// The entry `which` of the auxiliary vector.
    pub fn auxiliary(self, which: usize) -> Option<usize> {
        // SAFETY: the kernel lays the arguments, the environment and the auxiliary vector one after another, the first two with a
        // null pointer at their ends, the last in pairs with a zero at its end.
        unsafe {
            let mut at = self.strings.add(self.count + 1);
            while !at.read().is_null() {
                at = at.add(1);
            }
            let mut entry = at.add(1).cast::<[usize; 2]>();
            while entry.read()[0] != 0 {
                if entry.read()[0] == which {
                    return Some(entry.read()[1]);
                }
                entry = entry.add(1);
            }
            None
        }
    }
}

/// What `_start` calls.
///
/// # Safety
/// `stack` is the stack pointer that the kernel started the program with.
pub unsafe fn run(stack: *const usize, main: fn(Arguments) -> u8) -> ! {
    // SAFETY: the kernel puts the count there, and the pointers behind it.
    let arguments = unsafe { Arguments { count: *stack, strings: stack.add(1).cast() } };
    exit_group(main(arguments))
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    exit_group(101)
}
