//! What a Linux program finds on its stack when it starts: argc, argv, envp, the auxiliary vector and what they point
//! to. Pure; its tests run on the host.

use alloc::vec::Vec;

/// Entries of the auxiliary vector, by their Linux numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Auxiliary {
    /// Address of the program headers.
    ProgramHeaders = 3,
    /// Size of one.
    ProgramHeaderSize = 4,
    /// How many.
    ProgramHeaderCount = 5,
    /// Bytes in a page.
    PageSize = 6,
    /// Where the dynamic loader is: nowhere.
    LoaderBase = 7,
    /// Nothing yet.
    Flags = 8,
    /// The program's entry point.
    Entry = 9,
    /// Real user.
    User = 11,
    /// Effective user.
    EffectiveUser = 12,
    /// Real group.
    Group = 13,
    /// Effective group.
    EffectiveGroup = 14,
    /// Processor features that programs may use.
    HardwareCapabilities = 16,
    /// Clock ticks a second.
    ClockTick = 17,
    /// Whether the program runs with more rights than its user.
    Secure = 23,
    /// More processor features.
    HardwareCapabilities2 = 26,
    /// Bytes that a signal frame takes at most.
    MinimalSignalStack = 51,
}

const PLATFORM: usize = 15;
const RANDOM: usize = 25;
const PROGRAM_NAME: usize = 31;

/// The longest string that a program can be given, its final zero included.
const LONGEST_STRING: usize = 128 << 10;
/// What all strings, and the words that point to them, may take: a quarter of the stack.
const MOST_BYTES: usize = 2 << 20;

/// What a program is given.
pub struct Contents<'a, S> {
    /// The path that it was started by.
    pub path: &'a [u8],
    /// Its arguments.
    pub arguments: &'a [S],
    /// Its environment.
    pub environment: &'a [S],
    /// What else it may want to know.
    pub auxiliary: &'a [(Auxiliary, usize)],
    /// What AT_RANDOM points to.
    pub random: [u8; 16],
}

/// Why there is no such stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStack<E> {
    /// The strings are more than fit.
    TooLarge,
    /// There is no memory for the words that point to them.
    OutOfMemory,
    /// Writing ended with this.
    Write(E),
}

/// Writes a new stack that ends at `top`, a multiple of 16; the stack pointer. `write` writes bytes at an address.
pub fn build<S: AsRef<[u8]>, E>(
    top: usize,
    contents: &Contents<S>,
    mut write: impl FnMut(usize, &[u8]) -> Result<(), E>,
) -> Result<usize, NoStack<E>> {
    let strings = size_of_strings(contents)?;
    // From the top down: strings and random bytes, then, aligned, the words that point to them.
    let mut at = (top - strings) & !15;
    let below = at;
    let mut put = |bytes: &[u8]| {
        let start = at;
        write(start, bytes).map_err(NoStack::Write)?;
        at += bytes.len();
        Ok(start)
    };
    let mut words = Vec::new();
    let auxiliary_words = 2 * contents.auxiliary.len() + 8;
    let count = contents.arguments.len() + contents.environment.len() + auxiliary_words + 4;
    words.try_reserve_exact(count).map_err(|_| NoStack::OutOfMemory)?;
    words.push(contents.arguments.len());
    for strings in [contents.arguments, contents.environment] {
        for string in strings {
            words.push(put(string.as_ref())?);
            put(&[0])?;
        }
        words.push(0);
    }
    for &(entry, value) in contents.auxiliary {
        words.extend([entry as usize, value]);
    }
    words.extend([PLATFORM, put(b"aarch64\0")?]);
    words.extend([RANDOM, put(&contents.random)?]);
    words.extend([PROGRAM_NAME, put(contents.path)?]);
    put(&[0])?;
    words.extend([0, 0]);

    let stack_pointer = (below - words.len() * size_of::<usize>()) & !15;
    // A few at a time: there can be many.
    for (piece, words) in words.chunks(PIECE).enumerate() {
        let mut bytes = [0; PIECE * size_of::<usize>()];
        for (bytes, word) in bytes.chunks_exact_mut(size_of::<usize>()).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let address = stack_pointer + piece * bytes.len();
        write(address, &bytes[..size_of_val(words)]).map_err(NoStack::Write)?;
    }
    Ok(stack_pointer)
}

/// Words that are written together.
const PIECE: usize = 32;

/// What the strings take, if it is not too much.
fn size_of_strings<S: AsRef<[u8]>, E>(contents: &Contents<S>) -> Result<usize, NoStack<E>> {
    let strings = contents.arguments.iter().chain(contents.environment).map(AsRef::as_ref).chain([contents.path]);
    let mut size = size_of_val(&contents.random) + b"aarch64\0".len();
    let mut words = 0;
    for string in strings {
        size += string.len() + 1;
        words += size_of::<usize>();
        if string.len() >= LONGEST_STRING || size + words > MOST_BYTES {
            return Err(NoStack::TooLarge);
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    const TOP: usize = 0x7f_ffff_f000;

    /// The stack that these make, as memory: its lowest address and the bytes from there to the top.
    fn stack(arguments: &[&[u8]], environment: &[&[u8]], auxiliary: &[(Auxiliary, usize)]) -> (usize, Vec<u8>) {
        let contents = Contents { path: b"/bin/init", arguments, environment, auxiliary, random: [7; 16] };
        let mut memory = vec![0xee; MOST_BYTES];
        let bottom = TOP - memory.len();
        let sp = build::<_, Infallible>(TOP, &contents, |address, bytes| {
            memory[address - bottom..address - bottom + bytes.len()].copy_from_slice(bytes);
            Ok(())
        });
        let sp = sp.expect("it fits");
        (sp, memory.split_off(sp - bottom))
    }

    fn word(start: usize, bytes: &[u8], address: usize) -> usize {
        let at = address - start;
        usize::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    fn string(start: usize, bytes: &[u8], address: usize) -> Vec<u8> {
        bytes[address - start..].iter().copied().take_while(|&byte| byte != 0).collect()
    }

    #[test]
    fn a_program_can_read_it_back() {
        let auxiliary = [(Auxiliary::PageSize, 4096), (Auxiliary::Entry, 0x40_0000)];
        let (sp, bytes) = stack(&[b"init", b"-v"], &[b"A=b"], &auxiliary);
        assert_eq!(sp % 16, 0);
        assert_eq!(word(sp, &bytes, sp), 2);
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 8)), b"init");
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 16)), b"-v");
        assert_eq!(word(sp, &bytes, sp + 24), 0);
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 32)), b"A=b");
        assert_eq!(word(sp, &bytes, sp + 40), 0);
        let entries: Vec<_> =
            (0..6).map(|n| sp + 48 + 16 * n).map(|at| (word(sp, &bytes, at), word(sp, &bytes, at + 8))).collect();
        assert_eq!(entries[..2], [(6, 4096), (9, 0x40_0000)]);
        assert_eq!((entries[2].0, string(sp, &bytes, entries[2].1)), (15, b"aarch64".to_vec()));
        assert_eq!((entries[3].0, bytes[entries[3].1 - sp..][..16].to_vec()), (25, vec![7; 16]));
        assert_eq!((entries[4].0, string(sp, &bytes, entries[4].1)), (31, b"/bin/init".to_vec()));
        assert_eq!(entries[5], (0, 0));
    }

    #[test]
    fn it_is_aligned_whatever_the_strings_are() {
        for count in 0..40 {
            let arguments: Vec<&[u8]> = vec![b"odd"; count];
            let (sp, bytes) = stack(&arguments, &[], &[]);
            assert_eq!((sp % 16, word(sp, &bytes, sp)), (0, count));
        }
    }

    #[test]
    fn what_is_too_much_is_refused_before_anything_is_written() {
        let refusal = |arguments: &[Vec<u8>]| {
            let contents = Contents { path: b"x", arguments, environment: &[], auxiliary: &[], random: [0; 16] };
            build(TOP, &contents, |_, _| Err(())).unwrap_err()
        };
        assert_eq!(refusal(&[vec![1; LONGEST_STRING]]), NoStack::TooLarge);
        assert_eq!(refusal(&[vec![1; LONGEST_STRING - 1]]), NoStack::Write(()));
        assert_eq!(refusal(&vec![vec![1; LONGEST_STRING - 1]; 16]), NoStack::TooLarge);
        assert_eq!(refusal(&vec![vec![]; MOST_BYTES / 9]), NoStack::TooLarge);
        assert_eq!(refusal(&vec![vec![]; MOST_BYTES / 10]), NoStack::Write(()));
    }
}
