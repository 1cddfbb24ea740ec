//! Each refusal with its words, each cut, and whatever else a file may hold.

use proptest::prelude::*;

use super::*;

const ROOM: Room = Room { user: 0x1000..1 << 39, base: BASE };
const BASE: usize = 0x55_5555_5000;
const HEADER: usize = 64;
const ENTRY_SIZE: usize = 56;

/// (type, flags, offset, address, bytes in the file, bytes in memory)
type Header = (u32, u32, u64, u64, u64, u64);

const TEXT: Header = (PT_LOAD, PF_R | PF_X, 0, 0x40_0000, 0x1000, 0x1000);
const DATA: Header = (PT_LOAD, PF_R | PF_W, 0x1010, 0x41_1010, 0x20, 0x3000);

fn file(headers: &[Header]) -> Vec<u8> {
    let mut file = vec![0; 0x2000];
    file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &ET_EXEC.to_le_bytes());
    put(18, &EM_AARCH64.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &0x40_0100u64.to_le_bytes());
    put(32, &(HEADER as u64).to_le_bytes());
    put(52, &(HEADER as u16).to_le_bytes());
    put(54, &(ENTRY_SIZE as u16).to_le_bytes());
    put(56, &(headers.len() as u16).to_le_bytes());
    for (index, &(kind, flags, offset, address, in_file, in_memory)) in headers.iter().enumerate() {
        let at = HEADER + index * ENTRY_SIZE;
        put(at, &kind.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        for (field, value) in [offset, address, address, in_file, in_memory, 0x1000].into_iter().enumerate() {
            put(at + 8 + 8 * field, &value.to_le_bytes());
        }
    }
    file
}

/// What the kernel does with these bytes.
fn parsed(bytes: &[u8]) -> Result<Program, ElfError> {
    let read = |offset: usize, to: &mut [u8]| {
        let rest = bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        count
    };
    parse(&File { size: bytes.len(), read: &read }, &ROOM)
}

fn refusal(headers: &[Header]) -> ElfError {
    parsed(&file(headers)).expect_err("refused")
}

#[test]
fn a_static_program_is_laid_out() {
    let program = parsed(&file(&[DATA, TEXT])).unwrap();
    assert_eq!(program.entry, 0x40_0100);
    assert_eq!(program.program_headers, Some(0x40_0000 + HEADER));
    assert_eq!((program.program_header_count, program.program_header_size), (2, ENTRY_SIZE));
    let [text, data] = &program.segments[..] else { panic!("{program:?}") };
    assert_eq!((text.range.clone(), text.protection), (0x40_0000..0x40_1000, Protection::READ_EXECUTE));
    assert_eq!((data.pages(), data.protection), (0x41_1000..0x41_5000, Protection::READ_WRITE));
    assert_eq!((data.file_pages(), data.offset, data.file_size), (0x41_1000..0x41_2000, 0x1010, 0x20));
}

#[test]
fn a_program_without_addresses_comes_to_the_base() {
    let mut bytes = file(&[(PT_LOAD, PF_R | PF_X, 0, 0, 0x1000, 0x1000), (PT_LOAD, PF_R, 0x1000, 0x2000, 0, 0x10)]);
    bytes[16..18].copy_from_slice(&ET_DYN.to_le_bytes());
    bytes[24..32].copy_from_slice(&0x100u64.to_le_bytes());
    let program = parsed(&bytes).unwrap();
    assert_eq!((program.entry, program.program_headers), (BASE + 0x100, Some(BASE + HEADER)));
    assert_eq!(program.segments[1].pages(), BASE + 0x2000..BASE + 0x3000);
    let align = |bytes: &mut Vec<u8>, align: u64| bytes[HEADER + 48..HEADER + 56].copy_from_slice(&align.to_le_bytes());
    align(&mut bytes, 0x1_0000);
    assert_eq!(parsed(&bytes).unwrap().entry, BASE.next_multiple_of(0x1_0000) + 0x100);
    for bad in [3, 1 << 40, u64::MAX] {
        align(&mut bytes, bad);
        assert_eq!(parsed(&bytes), Err(ElfError::BadAlignment(0, bad)));
    }
}

#[test]
fn every_cut_is_refused_or_leaves_every_byte() {
    let whole = file(&[TEXT, DATA]);
    for length in 0..0x1030 {
        assert!(parsed(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    assert!(parsed(&whole[..0x1030]).is_ok());
    assert_eq!(parsed(&whole[..0x102f]), Err(ElfError::TruncatedSegment(1, 0x1030)));
}

#[test]
fn foreign_files_are_refused() {
    let with = |at: usize, bytes: &[u8]| {
        let mut file = file(&[TEXT]);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        parsed(&file).map(|_| ())
    };
    assert_eq!(with(0, b"#!/b"), Err(ElfError::NotElf));
    assert_eq!(with(4, &[1]), Err(ElfError::Not64Bit));
    assert_eq!(with(18, &62u16.to_le_bytes()), Err(ElfError::ForeignMachine(62)));
    assert_eq!(with(16, &4u16.to_le_bytes()), Err(ElfError::NotExecutable(4)));
    assert_eq!(with(54, &[57]), Err(ElfError::Malformed));
    assert_eq!(with(56, &u16::MAX.to_le_bytes()), Err(ElfError::Malformed));
    assert_eq!(with(32, &u64::MAX.to_le_bytes()), Err(ElfError::Malformed));
    assert_eq!(with(4, &[9]), Err(ElfError::Malformed));
    assert_eq!(with(5, &[2]), Err(ElfError::NotLittleEndian));
    assert_eq!(with(24, &0u64.to_le_bytes()), Err(ElfError::EntryNotExecutable(0)));
}

#[test]
fn segments_that_do_not_fit_are_refused() {
    let (kind, flags, offset, address, in_file, in_memory) = DATA;
    assert_eq!(refusal(&[]), ElfError::NothingToLoad);
    assert_eq!(refusal(&[TEXT, (PT_INTERP, PF_R, 0, 0, 1, 1)]), ElfError::NeedsInterpreter(1));
    assert_eq!(
        refusal(&[(kind, PF_R | PF_W | PF_X, offset, address, in_file, in_memory)]),
        ElfError::WritableAndExecutable(0)
    );
    assert_eq!(refusal(&[(kind, flags, offset, address, in_memory + 1, in_memory)]), ElfError::FileLargerThanMemory(0));
    assert_eq!(refusal(&[TEXT, (kind, flags, u64::MAX, address, 0x20, 0x20)]), ElfError::TruncatedSegment(1, u64::MAX));
    for outside in [0, 0xfff, 1 << 39, 0xffff_ff80_0000_0000, u64::MAX] {
        assert_eq!(refusal(&[(kind, flags, offset, outside, 0x20, 0x20)]), ElfError::OutsideUserMemory(0, outside));
    }
    assert_eq!(
        refusal(&[(kind, flags, offset, address + 8, 0x20, 0x20)]),
        ElfError::Misaligned(0, address + 8, offset)
    );
    let across = (1 << 39) - 0x10;
    assert_eq!(refusal(&[(kind, flags, offset, across, 0x20, 0x20)]), ElfError::OutsideUserMemory(0, across));
}

#[test]
fn segments_that_share_a_page_are_refused() {
    let at = |address| (PT_LOAD, PF_R | PF_W, 0x1000 + address % 0x1000, address, 0x10, 0x10);
    assert_eq!(refusal(&[TEXT, at(0x40_0800)]), ElfError::Overlap(1, 0x40_0000));
    assert_eq!(refusal(&[at(0x40_2ff0), at(0x40_2010), TEXT]), ElfError::Overlap(1, 0x40_2000));
    let wide = (PT_LOAD, PF_R, 0, 0x30_0000, 0, 0x20_0000);
    assert_eq!(refusal(&[TEXT, wide]), ElfError::Overlap(1, 0x40_0000));
    assert!(parsed(&file(&[TEXT, at(0x40_1000), at(0x3f_f000)])).is_ok());
}

#[test]
fn errors_say_what_and_where() {
    let message = ElfError::OutsideUserMemory(3, 0xffff_ff80_0000_0000).to_string();
    assert_eq!(message, "program header 3: address 0xffffff8000000000 is outside user memory");
}

/// Header fields that matter, and any bytes in any of them.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![0..64usize, HEADER..HEADER + 3 * ENTRY_SIZE];
    let value = prop_oneof![Just(0), Just(u64::MAX), Just(1 << 63), Just(1 << 39), any::<u64>(), 0..0x3000u64];
    let damage = prop::collection::vec((field, value, 1..=8usize), 0..6);
    (damage, 0..=0x2000usize, any::<bool>()).prop_map(|(damage, length, whole)| {
        let mut bytes = file(&[TEXT, DATA, (PT_LOAD, PF_R, 0x100, 0x50_0100, 0x10, 0x10)]);
        for (at, value, count) in damage {
            bytes[at..at + count].copy_from_slice(&value.to_le_bytes()[..count]);
        }
        bytes.truncate(if whole { 0x2000 } else { length });
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn whatever_is_accepted_can_be_loaded(bytes in damaged()) {
        match parsed(&bytes) {
            Err(why) => prop_assert!(!why.to_string().is_empty()),
            Ok(program) => loads(&program, bytes.len())?,
        }
    }

    #[test]
    fn any_bytes_are_refused_or_can_be_loaded(mut bytes in prop::collection::vec(any::<u8>(), 0..512), magic: bool) {
        if magic && bytes.len() > 8 {
            bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        }
        if let Ok(program) = parsed(&bytes) {
            loads(&program, bytes.len())?;
        }
    }
}

/// What loading relies on.
fn loads(program: &Program, size: usize) -> Result<(), TestCaseError> {
    let mut end = ROOM.user.start;
    for segment in &program.segments {
        prop_assert!(segment.pages().start >= end && segment.range.start < segment.range.end);
        prop_assert!(segment.offset + segment.file_size <= size || segment.file_size == 0);
        prop_assert!(segment.file_size <= segment.range.len() && segment.file_pages().end <= segment.pages().end);
        prop_assert!(segment.file_size == 0 || segment.offset % PAGE_SIZE == segment.range.start % PAGE_SIZE);
        prop_assert!(!(segment.protection.write && segment.protection.execute));
        end = segment.pages().end;
    }
    prop_assert!(end <= ROOM.user.end);
    let executable = |segment: &&Segment| segment.protection.execute;
    prop_assert!(program.segments.iter().filter(executable).any(|segment| segment.range.contains(&program.entry)));
    Ok(())
}
