//! Page tables of one user address space: three levels, walked directly, because every page fault goes through here.
//!
//! Every frame mapped is one owner's count ([`Frame`]) that the tables hold until it is taken out. Nothing here locks: who
//! shares an address space wraps it. Other CPUs walk the tables while they change, so each entry is written at once, and one
//! that gives way to another is empty in between (break before make).

use alloc::sync::Arc;
use core::iter;
use core::mem;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::asids::Asid;
use crate::boot;
use crate::frames::{self, Frame, OutOfMemory};
use crate::layout::{self, PAGE_SIZE, PhysicalAddress, USER_END};
use crate::page_entry::Entry;
use crate::paging::ROOT_LEVEL;
use crate::regions::Protection;
use crate::registers::{read_register, write_register};
use crate::{instruction_cache, tlb};

const ENTRIES: usize = 512;
const LAST_LEVEL: usize = 3;
/// Pages whose frames are freed together, after one round of invalidation.
const BATCH: usize = 32;

/// Frames that are tables of some address space.
static TABLE_FRAMES: AtomicUsize = AtomicUsize::new(0);

/// How many frames are tables of user memory.
pub fn table_frames() -> usize {
    TABLE_FRAMES.load(Ordering::Relaxed)
}

type Table = [AtomicU64; ENTRIES];

/// The tables under the lower half.
pub struct UserTables {
    /// The table of the first level; a count that the tables own.
    root: PhysicalAddress,
    asid: Asid,
    usage: Arc<Usage>,
}

/// How many frames an address space takes. Only who may change the address space changes it.
#[derive(Default)]
pub struct Usage {
    pages: AtomicUsize,
    tables: AtomicUsize,
}

impl Usage {
    /// How many pages are mapped.
    pub fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// How many tables there are below the first.
    pub fn tables(&self) -> usize {
        self.tables.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicUsize, count: isize) {
        counter.store(counter.load(Ordering::Relaxed).wrapping_add_signed(count), Ordering::Relaxed);
    }
}

impl UserTables {
    /// Tables that map nothing.
    pub fn new() -> Result<Self, OutOfMemory> {
        let asid = Asid::take()?;
        Ok(Self { root: new_table()?, asid, usage: Arc::default() })
    }

    /// How much they take.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// What the entry of `page` says.
    pub fn query(&self, page: usize) -> Entry {
        self.last_table(page).map_or(Entry::NONE, |table| load(&table[index(page, LAST_LEVEL)]))
    }

    /// Maps `frame` at `page`, where nothing was mapped. Its contents are as a program on any CPU will see them, code
    /// included.
    pub fn map(&mut self, page: usize, frame: Frame, protection: Protection) -> Result<(), OutOfMemory> {
        if protection.execute {
            instruction_cache::synchronise(frame.address());
        }
        let slot = self.slot(page)?;
        assert_eq!(load(slot), Entry::NONE, "{page:#x} is mapped already");
        store(slot, new_entry(frame, protection));
        tlb::publish();
        Usage::add(&self.usage.pages, 1);
        Ok(())
    }

    /// Shows `frame` at `page` in place of the one mapped there, which keeps its count until no CPU has it in its TLB.
    pub fn replace(&mut self, page: usize, frame: Frame, protection: Protection) {
        let Some(slot) = self.mapped_slot(page) else { panic!("{page:#x} is not mapped") };
        if protection.execute {
            instruction_cache::synchronise(frame.address());
        }
        let old = load(slot);
        store(slot, Entry::NONE);
        tlb::forget_page(&self.asid, page);
        store(slot, new_entry(frame, protection));
        tlb::publish();
        drop(owned(old));
    }

    /// Changes what the program may do with `page`, which is mapped.
    pub fn protect(&mut self, page: usize, protection: Protection) {
        let Some(slot) = self.mapped_slot(page) else { panic!("{page:#x} is not mapped") };
        self.tag(page, slot, protection);
        if change(slot, protection) {
            tlb::forget_page(&self.asid, page);
        }
    }

    /// Changes what the program may do with the pages of `range` that are mapped. Stores become possible only where `stores` says
    /// so, or where they were before.
    pub fn protect_all(&mut self, range: Range<usize>, protection: Protection, stores: bool) {
        let mut changed = false;
        for (page, slot) in self.mapped(range) {
            self.tag(page, slot, protection);
            let write = protection.write && (stores || load(slot).is_writable());
            changed |= change(slot, Protection { write, ..protection });
        }
        if changed {
            self.forget_all();
        }
    }

    /// If `page` is to have tags and has none, it is nothing for a moment: its memory is of another kind from here on.
    fn tag(&self, page: usize, slot: &AtomicU64, protection: Protection) {
        let old = load(slot);
        if protection.is_tagged() && !old.is_tagged() {
            store(slot, Entry::NONE);
            tlb::forget_page(&self.asid, page);
            frames::give_tags(PhysicalAddress(old.address().expect("a page is mapped there")));
            store(slot, old.with_tags());
        }
    }

    /// Takes every mapping in `range` out of the tables and every TLB, and the tables that this empties.
    pub fn unmap(&mut self, range: Range<usize>) {
        let mut page = range.start;
        while page < range.end {
            let table = match self.last_table(page) {
                Ok(table) => table,
                Err(next) => {
                    page = next;
                    continue;
                }
            };
            let end = next(page, LAST_LEVEL - 1).min(range.end);
            let mut taken = [(0, Entry::NONE); BATCH];
            let mut count = 0;
            while page < end && count < BATCH {
                let slot = &table[index(page, LAST_LEVEL)];
                if load(slot) != Entry::NONE {
                    taken[count] = (page, load(slot));
                    count += 1;
                    store(slot, Entry::NONE);
                }
                page += PAGE_SIZE;
            }
            let taken = &taken[..count];
            tlb::forget_pages(&self.asid, taken.iter().map(|(page, _)| *page));
            taken.iter().for_each(|(_, entry)| drop(owned(*entry)));
            Usage::add(&self.usage.pages, -(count as isize));
            if page == end {
                self.drop_if_empty(page - PAGE_SIZE);
            }
        }
    }

    /// Has `child`, which maps nothing in `range`, show the same frames there, both without stores: who stores first gets a
    /// copy. Until [`forget_all`](Self::forget_all) the program may go on storing.
    pub fn share(&mut self, child: &mut UserTables, range: Range<usize>) -> Result<(), OutOfMemory> {
        for (page, slot) in self.mapped(range) {
            let theirs = child.slot(page)?;
            let entry = load(slot).read_only();
            store(slot, entry);
            // The tables keep their count, and the child's get one of their own.
            let ours = owned(entry);
            mem::forget(ours.clone());
            mem::forget(ours);
            store(theirs, entry);
            Usage::add(&child.usage.pages, 1);
        }
        Ok(())
    }

    /// Moves what is mapped in `from` to `to` and up, where nothing is mapped. If there is no memory for the tables, nothing has
    /// moved.
    pub fn relocate(&mut self, from: Range<usize>, to: usize) -> Result<(), OutOfMemory> {
        for (page, _) in self.mapped(from.clone()) {
            self.slot(page - from.start + to)?;
        }
        for (page, slot) in self.mapped(from.clone()) {
            let entry = load(slot);
            store(slot, Entry::NONE);
            store(self.slot(page - from.start + to)?, entry);
        }
        self.forget_all();
        Ok(())
    }

    /// No CPU remembers any translation of these tables from before.
    pub fn forget_all(&self) {
        tlb::forget_all(&self.asid);
    }

    /// The value of TTBR0_EL1 that makes a CPU use these tables, for [`activate`]. They must outlive that use.
    pub fn ttbr0(&self) -> u64 {
        self.root.0 as u64 | self.asid.bits() << 48
    }

    /// The table of the last level that `page` is in, or the next page that may be in one.
    fn last_table(&self, page: usize) -> Result<&Table, usize> {
        assert!(page < USER_END, "{page:#x} is no user page");
        (ROOT_LEVEL..LAST_LEVEL).try_fold(table(self.root), |table, level| {
            child(&table[index(page, level)]).ok_or_else(|| next(page, level))
        })
    }

    /// The pages of `range` that are mapped, in order, each with its entry.
    fn mapped(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &AtomicU64)> {
        let mut page = range.start;
        iter::from_fn(move || {
            while page < range.end {
                match self.last_table(page) {
                    Ok(table) => {
                        let (at, slot) = (page, &table[index(page, LAST_LEVEL)]);
                        page += PAGE_SIZE;
                        if load(slot) != Entry::NONE {
                            return Some((at, slot));
                        }
                    }
                    Err(next) => page = next,
                }
            }
            None
        })
    }

    fn mapped_slot(&self, page: usize) -> Option<&AtomicU64> {
        let slot = self.last_table(page).ok().map(|table| &table[index(page, LAST_LEVEL)]);
        slot.filter(|slot| load(slot) != Entry::NONE)
    }

    /// The entry of `page`, with the tables above it.
    fn slot(&self, page: usize) -> Result<&AtomicU64, OutOfMemory> {
        assert!(page < USER_END, "{page:#x} is no user page");
        let last = (ROOT_LEVEL..LAST_LEVEL).try_fold(table(self.root), |table, level| {
            let slot = &table[index(page, level)];
            child(slot).map_or_else(|| self.add_table(slot), Ok)
        })?;
        Ok(&last[index(page, LAST_LEVEL)])
    }

    fn add_table<'a>(&self, slot: &AtomicU64) -> Result<&'a Table, OutOfMemory> {
        let address = new_table()?;
        store(slot, Entry::table(address.0));
        Usage::add(&self.usage.tables, 1);
        Ok(table(address))
    }

    /// Frees the table of the last level that `page` is in, if it maps nothing any more.
    fn drop_if_empty(&mut self, page: usize) {
        let Some(middle) = child(&table(self.root)[index(page, ROOT_LEVEL)]) else { return };
        let slot = &middle[index(page, ROOT_LEVEL + 1)];
        let Some(last) = child(slot) else { return };
        if last.iter().all(|slot| load(slot) == Entry::NONE) {
            let entry = load(slot);
            store(slot, Entry::NONE);
            tlb::forget_tables(&self.asid, page);
            drop_table(entry);
            Usage::add(&self.usage.tables, -1);
        }
    }
}

impl Drop for UserTables {
    /// No CPU may have the tables in TTBR0 any more: each has activated others, or none.
    fn drop(&mut self) {
        assert_ne!(read_register!("ttbr0_el1") & !1, self.ttbr0() & !1, "user tables dropped while active");
        self.forget_all();
        for middle in table(self.root) {
            let Some(entries) = child(middle) else { continue };
            for last in entries {
                let Some(entries) = child(last) else { continue };
                entries.iter().map(load).filter(|entry| *entry != Entry::NONE).for_each(|entry| drop(owned(entry)));
                drop_table(load(last));
            }
            drop_table(load(middle));
        }
        drop_table(Entry::table(self.root.0));
    }
}

fn index(page: usize, level: usize) -> usize {
    page >> shift(level) & (ENTRIES - 1)
}

/// The first page that the next entry of a table of that level is for.
fn next(page: usize, level: usize) -> usize {
    ((page >> shift(level)) + 1) << shift(level)
}

/// The lowest bit of an address that a table of that level looks at.
fn shift(level: usize) -> usize {
    12 + 9 * (LAST_LEVEL - level)
}

fn load(slot: &AtomicU64) -> Entry {
    Entry(slot.load(Ordering::Relaxed))
}

/// What was written before, a new table's zeros among it, is visible to whoever sees the entry.
fn store(slot: &AtomicU64, entry: Entry) {
    slot.store(entry.0, Ordering::Release);
}

/// Gives the page in `slot` another protection; whether that is news. Permissions alone may change under a live mapping.
fn change(slot: &AtomicU64, protection: Protection) -> bool {
    let old = load(slot);
    let frame = PhysicalAddress(old.address().expect("a page is mapped there"));
    let new = Entry::page(frame.0, protection);
    if new.is_executable() && !old.is_executable() {
        instruction_cache::synchronise(frame);
    }
    store(slot, new);
    new != old
}

/// Of a frame that comes into the tables.
fn new_entry(frame: Frame, protection: Protection) -> Entry {
    if protection.is_tagged() {
        frames::give_tags(frame.address());
    }
    Entry::page(frame.into_address().0, protection)
}

/// The table at `address`.
fn table<'a>(address: PhysicalAddress) -> &'a Table {
    // SAFETY: only tables' addresses come here, of tables that are in use: they are dropped only through `&mut UserTables`,
    // while nobody walks them but CPUs. The linear map shows them, and all access to them is atomic.
    unsafe { &*layout::linear(address).cast() }
}

/// The table that the entry in `slot`, of a level above the last, leads to.
fn child<'a>(slot: &AtomicU64) -> Option<&'a Table> {
    load(slot).address().map(|address| table(PhysicalAddress(address)))
}

fn new_table() -> Result<PhysicalAddress, OutOfMemory> {
    let frame = Frame::zeroed()?.into_address();
    TABLE_FRAMES.fetch_add(1, Ordering::Relaxed);
    Ok(frame)
}

/// Frees the table of an entry that led to it, and that no walk finds any more.
fn drop_table(entry: Entry) {
    drop(owned(entry));
    TABLE_FRAMES.fetch_sub(1, Ordering::Relaxed);
}

/// The count that an entry of these tables stands for; it is to leave the tables, or to be forgotten again.
fn owned(entry: Entry) -> Frame {
    let address = entry.address().expect("an entry with a frame");
    // SAFETY: every entry with an address was made from a frame's count, and stands for it as long as it is in the tables.
    unsafe { Frame::from_address(PhysicalAddress(address)) }
}

/// This CPU's lower half is `ttbr0`'s tables from now on ([`UserTables::ttbr0`]).
///
/// # Safety
/// The tables stay until this CPU has activated others or called [`deactivate`].
pub unsafe fn activate(ttbr0: u64) {
    // SAFETY: the tables map user memory only, and their ASID keeps their translations apart from others'.
    unsafe { write_register!("ttbr0_el1", ttbr0) };
}

/// This CPU's lower half maps nothing from now on.
pub fn deactivate() {
    // SAFETY: the kernel itself uses nothing in the lower half.
    unsafe { write_register!("ttbr0_el1", boot::empty_table().0) };
}
