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
}

const RANDOM: usize = 25;
const PROGRAM_NAME: usize = 31;

/// The bytes of a new stack that ends at `top`, and the stack pointer, where they start. `random` is what AT_RANDOM
/// points to. `top` is a multiple of 16.
pub fn build(
    top: usize,
    arguments: &[&[u8]],
    environment: &[&[u8]],
    auxiliary: &[(Auxiliary, usize)],
    random: [u8; 16],
) -> (usize, Vec<u8>) {
    // From the top down: strings and random bytes, then, aligned, the words that point to them.
    let mut strings = Vec::new();
    let arguments_at = append(&mut strings, arguments);
    let environment_at = append(&mut strings, environment);
    let random_at = strings.len();
    strings.extend(random);
    let strings_start = (top - strings.len()) & !15;

    let mut words = Vec::new();
    words.push(arguments.len());
    words.extend(arguments_at.iter().map(|offset| strings_start + offset));
    words.push(0);
    words.extend(environment_at.iter().map(|offset| strings_start + offset));
    words.push(0);
    for &(entry, value) in auxiliary {
        words.extend([entry as usize, value]);
    }
    words.extend([RANDOM, strings_start + random_at]);
    if let Some(name) = arguments_at.first() {
        words.extend([PROGRAM_NAME, strings_start + name]);
    }
    words.extend([0, 0]);

    let stack_pointer = (strings_start - words.len() * size_of::<usize>()) & !15;
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(strings_start - stack_pointer, 0);
    bytes.extend(strings);
    (stack_pointer, bytes)
}

/// Appends each string with a final zero; where each starts.
fn append(bytes: &mut Vec<u8>, strings: &[&[u8]]) -> Vec<usize> {
    let mut starts = Vec::new();
    for string in strings {
        starts.push(bytes.len());
        bytes.extend(*string);
        bytes.push(0);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: usize = 0x7f_ffff_f000;

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
        let (sp, bytes) = build(TOP, &[b"init", b"-v"], &[b"A=b"], &auxiliary, [7; 16]);
        assert_eq!(sp % 16, 0);
        assert!(sp + bytes.len() <= TOP && sp + bytes.len() > TOP - 16);
        assert_eq!(word(sp, &bytes, sp), 2);
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 8)), b"init");
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 16)), b"-v");
        assert_eq!(word(sp, &bytes, sp + 24), 0);
        assert_eq!(string(sp, &bytes, word(sp, &bytes, sp + 32)), b"A=b");
        assert_eq!(word(sp, &bytes, sp + 40), 0);
        let entries: Vec<_> =
            (0..5).map(|n| sp + 48 + 16 * n).map(|at| (word(sp, &bytes, at), word(sp, &bytes, at + 8))).collect();
        assert_eq!(entries[..2], [(6, 4096), (9, 0x40_0000)]);
        assert_eq!((entries[2].0, bytes[entries[2].1 - sp..][..16].to_vec()), (25, vec![7; 16]));
        assert_eq!((entries[3].0, string(sp, &bytes, entries[3].1)), (31, b"init".to_vec()));
        assert_eq!(entries[4], (0, 0));
    }

    #[test]
    fn it_is_aligned_whatever_the_strings_are() {
        for count in 0..20 {
            let arguments: Vec<&[u8]> = vec![b"odd"; count];
            let (sp, bytes) = build(TOP, &arguments, &[], &[], [0; 16]);
            assert_eq!((sp % 16, word(sp, &bytes, sp)), (0, count));
        }
    }
}
