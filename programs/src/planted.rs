//! `planted bug=NAME PROGRAM ARGUMENT... [bug=NAME PROGRAM ARGUMENT...]...`: runs each program while the kernel has that bug. Each must
//! find it, which is to say fail; that it passes without, its own boot shows. Only a checked kernel has bugs.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use crate::runtime::file::{change_folder, execute};
use crate::runtime::print::println;
use crate::runtime::process::{fork, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, errno};
use crate::runtime::test_calls::plant;

const BUG: &str = "bug=";
/// Of a program and what it is started with.
const MOST_WORDS: usize = 8;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let mut missed = 0;
    let mut at = 1;
    while let Some(name) = arguments.get(at).and_then(|word| word.strip_prefix(BUG)) {
        let first = at + 1;
        at = (first..).find(|at| arguments.get(*at).is_none_or(|word| word.starts_with(BUG))).unwrap_or(first);
        let status = with_bug(arguments, at_name(arguments, first - 1), first..at);
        let found = status.is_ok_and(|status| status != 0);
        println!("planted: {name} is {}: {status:?}", if found { "found" } else { "NOT found" });
        missed += u8::from(!found);
    }
    missed
}

/// What follows `bug=`.
fn at_name(arguments: Arguments, index: usize) -> Option<&'static CStr> {
    // SAFETY: the words are strings that end in zero, and this one is longer than what it begins with.
    arguments.string(index).map(|word| unsafe { CStr::from_ptr(word.as_ptr().add(BUG.len())) })
}

/// How that program ends.
fn with_bug(arguments: Arguments, name: Option<&CStr>, words: core::ops::Range<usize>) -> Result<i32> {
    let mut pointers = [null::<c_char>(); MOST_WORDS];
    if words.is_empty() || words.len() >= MOST_WORDS {
        return Err(Errno(errno::E2BIG));
    }
    for (pointer, at) in pointers.iter_mut().zip(words.clone()) {
        *pointer = arguments.string(at).map_or(null(), CStr::as_ptr);
    }
    let path = arguments.string(words.start).ok_or(Errno(errno::EINVAL))?;
    plant(name)?;
    let ended = fork(|| {
        let none = [null()];
        // SAFETY: both end in a null pointer; what is before it are strings.
        _ = change_folder(c"/bin").and_then(|()| unsafe { execute(path, pointers.as_ptr(), none.as_ptr()) });
        0
    })
    .and_then(|child| wait(child as isize, 0));
    plant(None)?;
    ended.map(|(_, status)| status)
}
