//! User memory: address spaces, copies to and from them, and what two of them share after a fork.

use crate::address_space::{self, AddressSpace, FaultError, MapError, Mapping, Place};
use crate::layout::{LINEAR_BASE, PAGE_SIZE, USER_END};
use crate::regions::{Access, Protection};
use crate::user_copy::{
    Fault, copy_from_user, copy_from_user_partly, copy_to_user, copy_to_user_partly, read_user, read_user_string,
    write_user,
};
use crate::{frames, user_tables};

/// All of it, with nothing lost.
pub fn check() {
    let before = (frames::free_count(), user_tables::table_frames(), address_space::alive());
    copies();
    fork();
    tables_come_and_go();
    let after = (frames::free_count(), user_tables::table_frames(), address_space::alive());
    assert_eq!(before, after, "address spaces: frames, tables or address spaces leak");
}

/// Pages of zeros to be mapped, somewhere or there.
fn zeros(place: Option<usize>, pages: usize) -> Mapping {
    Mapping::zero(place.map_or(Place::Near(0), Place::At), pages * PAGE_SIZE, Protection::READ_WRITE)
}

fn copies() {
    let mut space = AddressSpace::new().expect("memory for an address space");
    // SAFETY: `space` is dropped only after `deactivate` below.
    unsafe { user_tables::activate(space.ttbr0()) };

    let start = space.map(zeros(None, 3)).expect("room for three pages");
    let across = start + PAGE_SIZE - 3;
    assert_eq!(copy_to_user(across, b"crosses a page"), Err(Fault), "nothing is there before the first fault");
    space.fault(start, Access::Write).expect("demand-zero");
    assert_eq!(copy_to_user(across, b"crosses a page"), Err(Fault), "the second page is not there yet");
    copies_end_at(start + PAGE_SIZE);
    space.fault(start + PAGE_SIZE, Access::Write).expect("demand-zero");
    assert_eq!(copy_to_user(across, b"crosses a page\0"), Ok(()));
    assert_eq!(read_user_string(across, 64), Ok(Some(b"crosses a page".to_vec())));
    assert_eq!(read_user_string(across, 3), Ok(None));
    let tagged = (0x5a << 56) | start;
    assert_eq!(write_user(tagged, &0x0123_4567_89ab_cdefu64), Ok(()));
    assert_eq!(read_user::<[u8; 2]>(start), Ok([0xef, 0xcd]));

    space.protect(start, PAGE_SIZE, Protection::READ).expect("protect a mapped page");
    assert_eq!((write_user(start, &1u8), read_user::<u8>(start)), (Err(Fault), Ok(0xef)), "read-only user page");
    assert_eq!(space.fault(start, Access::Write), Err(FaultError::NotAllowed));
    space.protect(start, PAGE_SIZE, Protection::NONE).expect("protect a mapped page");
    assert_eq!(read_user::<u8>(start), Err(Fault), "inaccessible user page");
    space.unmap(start, PAGE_SIZE).expect("unmap a mapped page");
    assert_eq!(space.fault(start, Access::Read), Err(FaultError::NotMapped));
    let everything = Protection { write: true, ..Protection::READ_EXECUTE };
    assert_eq!(space.map(Mapping { protection: everything, ..zeros(Some(start), 1) }), Err(MapError::NotAllowed));

    let kernel = &raw const start as usize;
    for outside in [kernel, LINEAR_BASE, USER_END - 4, USER_END, usize::MAX - 3] {
        assert_eq!(copy_from_user(&mut [0; 8], outside), Err(Fault), "user copy from {outside:#x}");
        assert_eq!(copy_to_user(outside, &[0; 8]), Err(Fault), "user copy to {outside:#x}");
    }
    user_tables::deactivate();
}

/// Where memory ends, and not before, whichever step of a copy meets that.
fn copies_end_at(end: usize) {
    const MOST: usize = 127;
    let bytes: [u8; MOST] = core::array::from_fn(|index| index as u8 + 1);
    for count in [1, 7, 8, 15, 16, 31, 32, 63, 64, MOST] {
        for there in 0..count {
            let mut back = [0; MOST];
            let copied = copy_to_user_partly(end - there, &bytes[..count]);
            assert_eq!((copied, copy_from_user_partly(&mut back[..count], end - there)), (there, there));
            assert!(back[..there] == bytes[..there] && back[there..] == [0; MOST][there..]);
        }
    }
}

fn fork() {
    let mut parent = AddressSpace::new().expect("memory for an address space");
    let start = parent.map(zeros(None, 3)).expect("room for three pages");
    let (end, untouched) = (start + PAGE_SIZE, start + 2 * PAGE_SIZE);
    for page in [start, end] {
        parent.write(page, b"parent").expect("memory for a page");
    }
    // SAFETY: it is inactive again below.
    unsafe { user_tables::activate(parent.ttbr0()) };
    assert_eq!(copy_to_user(start, b"parent"), Ok(()), "a page of one's own");
    let free = frames::free_count();
    let mut child = parent.fork().expect("memory for an address space");
    assert!(free - frames::free_count() <= 4, "a fork copies tables, not pages");
    assert_eq!(copy_to_user(start, b"PARENT"), Err(Fault), "this CPU remembers how it was before the fork");
    user_tables::deactivate();

    stores_in(&mut child, start, b"child!");
    stores_in(&mut child, untouched, b"child!");
    stores_in(&mut parent, end, b"mother");
    let mut seen = [[0; 6]; 6];
    for (index, page) in [start, end, untouched].into_iter().enumerate() {
        parent.read(page, &mut seen[index]).expect("mapped");
        child.read(page, &mut seen[3 + index]).expect("mapped");
    }
    let expected = [b"parent", b"mother", b"\0\0\0\0\0\0", b"child!", b"parent", b"child!"];
    assert_eq!(seen.each_ref(), expected, "who stores after a fork stores for itself");

    let free = frames::free_count();
    drop(child);
    let after_drop = frames::free_count();
    stores_in(&mut parent, start, b"alone.");
    assert_eq!(frames::free_count(), after_drop, "the last owner of a page copies it");
    assert!(after_drop > free, "a child's memory comes back");
}

/// A program with this memory stores, once it has faulted.
fn stores_in(memory: &mut AddressSpace, page: usize, bytes: &[u8]) {
    // SAFETY: it is inactive again below.
    unsafe { user_tables::activate(memory.ttbr0()) };
    assert_eq!(copy_to_user(page, bytes), Err(Fault), "a page that nobody else must see changed is writable");
    memory.fault(page, Access::Write).expect("a page of one's own");
    assert_eq!(copy_to_user(page, bytes), Ok(()));
    user_tables::deactivate();
}

fn tables_come_and_go() {
    const APART: usize = 1 << 30;
    let mut memory = AddressSpace::new().expect("memory for an address space");
    let tables = user_tables::table_frames();
    for start in (1..8).map(|number| number * APART - PAGE_SIZE) {
        memory.map(zeros(Some(start), 2)).expect("room");
        memory.fault(start, Access::Write).expect("demand-zero");
        memory.fault(start + PAGE_SIZE, Access::Read).expect("demand-zero");
    }
    assert!(user_tables::table_frames() >= tables + 16, "tables for pages far apart");
    memory.unmap(PAGE_SIZE, 8 * APART).expect("what is mapped can be unmapped");
    assert!(user_tables::table_frames() <= tables + 8, "tables of the last level outlive their pages");
}
