//! Waiting for files to become ready: `ppoll` and `pselect6`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;

use super::super::time::read_time;
use super::{Call, Errno, Result};
use crate::errno;
use crate::fallible::{try_collect, with_room};
use crate::files::file::ready;
use crate::files::open::OpenFile;
use crate::files::table::{FileTable, LIMIT};
use crate::reference::Cpu;
use crate::signals::{self, SignalSet};
use crate::task::Task;
use crate::user_copy::{copy_from_user, copy_to_user, read_user, write_user};
use crate::{heap, timer, wait};

/// Reported whether it was asked for or not.
const ALWAYS: u16 = ready::ERROR | ready::HANGUP;
const SECOND: u64 = 1_000_000_000;

/// A file, and what it is to be ready for.
struct Watch {
    file: Option<Arc<OpenFile>>,
    events: u16,
}

// As many as there may be are always to be had.
const _: () = assert!(LIMIT * size_of::<Watch>() <= heap::SMALL);

impl Watch {
    /// What of it the file is ready for.
    fn ready(&self) -> u16 {
        self.file.as_ref().map_or(linux::POLLNVAL as u16, |open| open.file.readiness() & self.events)
    }
}

/// `ppoll(entries, count, time, signals, size)`
pub(super) fn ppoll(call: &mut Call) -> Result {
    const SIZE: usize = 8;
    let (table, count) = (call.argument(0), call.argument(1) as u32 as usize);
    if count > LIMIT {
        return Err(Errno::EINVAL);
    }
    let limit = Limit::read(call.argument(2))?;
    let mut entries = with_room(count)?;
    let mut watches = with_room(count)?;
    for number in 0..count {
        let [low, high, events, _] = read_user::<[u16; 4]>(table.wrapping_add(SIZE * number))?;
        let descriptor = (u32::from(high) << 16 | u32::from(low)) as i32;
        entries.push(descriptor);
        // A negative number is no file, and nothing is said of it.
        if descriptor >= 0 {
            let file = call.process.files.get(descriptor as usize).ok();
            watches.push(Watch { file, events: events | ALWAYS });
        }
    }
    let waited = with_signals(call, call.argument(3), call.argument(4), |cpu| watch(cpu, &watches, &limit));
    limit.write_rest(call.argument(2));
    let waited = waited?;
    let mut found = watches.iter().map(Watch::ready);
    let mut number_ready = 0;
    for (number, descriptor) in entries.iter().enumerate() {
        let events = if *descriptor >= 0 && waited { found.next().unwrap_or(0) } else { 0 };
        number_ready += usize::from(events != 0);
        write_user(table.wrapping_add(SIZE * number + 6), &events)?;
    }
    Ok(number_ready)
}

/// The three sets of `select`: what each bit stands for.
const SETS: [u16; 3] = [
    ready::READ | ready::HANGUP | ready::ERROR | linux::POLLRDBAND as u16,
    ready::WRITE | ready::ERROR | linux::POLLWRBAND as u16,
    linux::POLLPRI as u16,
];

/// A set of numbers below [`LIMIT`].
type Bits = [u8; LIMIT / 8];

/// `pselect6(count, read, write, except, time, signals and size)`
pub(super) fn pselect(call: &mut Call) -> Result {
    let count = usize::try_from(call.argument(0) as i32).map_err(|_| Errno::EINVAL)?.min(LIMIT);
    let limit = Limit::read(call.argument(4))?;
    let addresses = [call.argument(1), call.argument(2), call.argument(3)];
    // Sets are in words.
    let bytes = count.div_ceil(64) * 8;
    let mut sets: [Bits; 3] = [[0; LIMIT / 8]; 3];
    for (set, address) in sets.iter_mut().zip(addresses).filter(|(_, address)| *address != 0) {
        copy_from_user(&mut set[..bytes], address)?;
    }
    let (numbers, watches) = watched(&call.process.files, &sets, count)?;
    let [mask, size] = match call.argument(5) {
        0 => [0, 0],
        both => read_user(both)?,
    };
    let waited = with_signals(call, mask, size, |cpu| watch(cpu, &watches, &limit));
    limit.write_rest(call.argument(4));
    waited?;
    let mut found: [Bits; 3] = [[0; LIMIT / 8]; 3];
    let mut number_ready = 0;
    for (number, watch) in numbers.iter().zip(&watches) {
        let events = watch.ready();
        for (wanted, (found, set)) in SETS.iter().zip(found.iter_mut().zip(&sets)) {
            if has(set, *number) && events & wanted != 0 {
                found[number / 8] |= 1 << (number % 8);
                number_ready += 1;
            }
        }
    }
    for (set, address) in found.iter().zip(addresses).filter(|(_, address)| *address != 0) {
        copy_to_user(address, &set[..bytes])?;
    }
    Ok(number_ready)
}

fn has(set: &Bits, number: usize) -> bool {
    set[number / 8] & 1 << (number % 8) != 0
}

/// The numbers in any of the sets, and their files; EBADF if one is no file.
fn watched(files: &FileTable, sets: &[Bits; 3], count: usize) -> errno::Result<(Vec<usize>, Vec<Watch>)> {
    let mut numbers = with_room(count)?;
    let mut watches = with_room(count)?;
    for number in 0..count {
        let wanted = sets.iter().zip(SETS).filter(|(set, _)| has(set, number));
        let events = wanted.fold(0, |events, (_, wanted)| events | wanted);
        if events != 0 {
            numbers.push(number);
            watches.push(Watch { file: Some(files.get(number)?), events });
        }
    }
    Ok((numbers, watches))
}

/// Until when to wait, by the clock; none for as long as it takes.
struct Limit(Option<u64>);

impl Limit {
    fn read(time: usize) -> errno::Result<Limit> {
        match time {
            0 => Ok(Limit(None)),
            time => Ok(Limit(Some(timer::nanoseconds().saturating_add(read_time(time)?)))),
        }
    }

    /// Says how much of the time is left, where it was read. Who cannot be told is not.
    fn write_rest(&self, time: usize) {
        if let Some(due) = self.0 {
            let rest = due.saturating_sub(timer::nanoseconds());
            _ = write_user(time, &[rest / SECOND, rest % SECOND]);
        }
    }
}

/// Sleeps until a file is ready; false if the time is over first.
fn watch(cpu: &mut Cpu<ProcessContext>, watches: &[Watch], limit: &Limit) -> Result<bool> {
    let is_ready = || watches.iter().any(|watch| watch.ready() != 0);
    if is_ready() {
        return Ok(true);
    }
    if limit.0.is_some_and(|due| due <= timer::nanoseconds()) {
        return Ok(false);
    }
    let files = watches.iter().filter_map(|watch| watch.file.as_ref());
    let queues = try_collect(files.filter_map(|open| open.file.changes()))?;
    wait::on_any(cpu, &queues, limit.0, is_ready).map_err(|wait::Interrupted| Errno::ERESTARTNOHAND)
}

/// Does it with other signals blocked, if `mask` is not null; what is blocked otherwise is again afterwards, but for
/// whatever signal it was that came.
fn with_signals<T>(
    call: &mut Call,
    mask: usize,
    size: usize,
    work: impl FnOnce(&mut Cpu<ProcessContext>) -> errno::Result<T>,
) -> errno::Result<T> {
    if mask == 0 {
        return work(call.cpu);
    }
    if size != size_of::<SignalSet>() {
        return Err(Errno::EINVAL);
    }
    let set = SignalSet::from_bits(read_user(mask)?);
    let task = Task::current_shared(call.cpu);
    task.signals.suspend(set);
    signals::look_again(&task);
    let done = work(call.cpu);
    if done.is_ok() {
        task.signals.unsuspend();
        signals::look_again(&task);
    }
    done
}
