//! A task's breakpoints and watchpoints as its tracer sees and sets them: Linux's `user_hwdebug_state`. Pure; its tests run on the
//! host.
//!
//! As in Linux, what a tracer gives is put right rather than refused: an address is rounded down, and the bytes that count move
//! up instead; the level is always the user's. Refused are kernel addresses, and bytes that are not in one piece of eight. As in
//! Linux, too, an address comes into force before its control: with the bytes of the one before. But an instruction is all of its
//! bytes here, and stays so wherever in it an address points.

use vestibule_arm64::breakpoints::{BYTES_SHIFT, ENABLED, Kind, LOADS, OF_USER, Point, STORES};

use crate::errno::{Errno, Result};

/// Bytes of the state: what the CPU has, nothing, and sixteen registers of [`REGISTER`] bytes.
pub const SIZE: usize = HEADER + 16 * REGISTER;
const HEADER: usize = 8;
const REGISTER: usize = 16;

const TYPE: u64 = LOADS | STORES;
const BYTES: u64 = 0xff << BYTES_SHIFT;

/// The registers of one kind, on this machine.
#[derive(Clone, Copy)]
pub struct Registers {
    /// Which.
    pub kind: Kind,
    /// How many there are, and before that the version of the architecture.
    resources: u32,
    /// Where user memory ends.
    user_end: u64,
}

impl Registers {
    /// Those that ID_AA64DFR0_EL1 tells of.
    pub const fn new(kind: Kind, id_aa64dfr0: u64, user_end: u64) -> Registers {
        let field = match kind {
            Kind::Breakpoint => 12,
            Kind::Watchpoint => 20,
        };
        let resources = (id_aa64dfr0 as u32 & 0xf) << 8 | ((id_aa64dfr0 >> field & 0xf) as u32 + 1);
        Registers { kind, resources, user_end }
    }

    /// How many.
    pub const fn count(self) -> usize {
        (self.resources & 0xff) as usize
    }

    /// The whole state.
    pub fn read(self, point: impl Fn(usize) -> Point) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..4].copy_from_slice(&self.resources.to_le_bytes());
        for (number, place) in bytes[HEADER..].as_chunks_mut::<REGISTER>().0.iter_mut().enumerate() {
            let Point { address, control } = point(number);
            place[..8].copy_from_slice(&address.to_le_bytes());
            place[8..12].copy_from_slice(&(control as u32).to_le_bytes());
        }
        bytes
    }

    /// Changes what `bytes` reaches, one after another: those before the first that is refused stay changed.
    pub fn write(self, bytes: &[u8], point: impl Fn(usize) -> Point, mut set: impl FnMut(usize, Point)) -> Result<()> {
        for (number, bytes) in bytes.get(HEADER..).unwrap_or_default().chunks(REGISTER).enumerate() {
            let (address, rest) = bytes.split_first_chunk().ok_or(Errno::EINVAL)?;
            if number >= self.count() {
                return Err(Errno::ENOSPC);
            }
            let address = u64::from_le_bytes(*address);
            let known = self.with_address(begun(self.kind, point(number)), address)?;
            set(number, known);
            if let Some(control) = rest.first_chunk() {
                set(number, self.with_control(known, address, u32::from_le_bytes(*control))?);
            }
        }
        Ok(())
    }

    /// The same bytes elsewhere.
    fn with_address(self, point: Point, address: u64) -> Result<Point> {
        let bytes = point.control >> BYTES_SHIFT & 0xff;
        let bytes = bytes >> bytes.trailing_zeros();
        let last = address.checked_add(bytes.ilog2().into()).ok_or(Errno::EINVAL)?;
        if address >= self.user_end || last >= self.user_end {
            return Err(Errno::EINVAL);
        }
        let (unaligned, bytes) = match self.kind {
            Kind::Breakpoint => (address & 3, bytes),
            Kind::Watchpoint => (address & 7, bytes << (address & 7)),
        };
        if bytes > 0xff {
            return Err(Errno::EINVAL);
        }
        Ok(Point { address: address - unaligned, control: point.control & !BYTES | bytes << BYTES_SHIFT })
    }

    /// Others. One that is off keeps what it had.
    fn with_control(self, point: Point, address: u64, control: u32) -> Result<Point> {
        let control = u64::from(control);
        if control & ENABLED == 0 {
            return Ok(Point { control: point.control & !ENABLED, ..point });
        }
        let (bytes, of) = (control >> BYTES_SHIFT & 0xff, control & TYPE);
        let fits = match self.kind {
            Kind::Breakpoint => of == 0,
            Kind::Watchpoint => of != 0,
        };
        let first = bytes.trailing_zeros();
        if !fits || bytes == 0 || (bytes >> first) & ((bytes >> first) + 1) != 0 {
            return Err(Errno::EINVAL);
        }
        // An instruction is four bytes, whatever is asked for.
        let bytes = if self.kind == Kind::Breakpoint { 0xf } else { bytes >> first };
        let point = Point { address: 0, control: bytes << BYTES_SHIFT | of | OF_USER | ENABLED };
        self.with_address(point, address.checked_add(first.into()).ok_or(Errno::EINVAL)?)
    }
}

/// Who is first told of is of four bytes, and of both loads and stores.
const fn begun(kind: Kind, point: Point) -> Point {
    if point.control != 0 {
        return point;
    }
    let of = match kind {
        Kind::Breakpoint => 0,
        Kind::Watchpoint => TYPE,
    };
    Point { address: 0, control: 0xf << BYTES_SHIFT | of | OF_USER }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_END: u64 = 1 << 39;

    fn registers(kind: Kind) -> Registers {
        Registers::new(kind, 0x1030_5408, USER_END)
    }

    /// What comes of writing these to a state without any.
    fn written(kind: Kind, given: &[(u64, u32)], cut: usize) -> (Result<()>, Vec<Point>) {
        let mut bytes = vec![0; HEADER];
        for (address, control) in given {
            bytes.extend(address.to_le_bytes());
            bytes.extend(control.to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes.truncate(bytes.len() - cut);
        let points = std::cell::RefCell::new(vec![Point::default(); 16]);
        let set = |number: usize, point| points.borrow_mut()[number] = point;
        let result = registers(kind).write(&bytes, |number| points.borrow()[number], set);
        (result, points.into_inner())
    }

    fn one(kind: Kind, address: u64, control: u32) -> Result<(u64, u64)> {
        let (result, points) = written(kind, &[(address, control)], 0);
        result.map(|()| (points[0].address, points[0].control))
    }

    #[test]
    fn what_is_there() {
        let header = |kind| registers(kind).read(|_| Point::default())[..4].to_vec();
        assert_eq!(header(Kind::Breakpoint), 0x806_u32.to_le_bytes());
        assert_eq!(header(Kind::Watchpoint), 0x804_u32.to_le_bytes());
    }

    #[test]
    fn a_breakpoint_is_four_bytes_of_user_mode() {
        for control in [0x1e5, 0x1e1, 0x25, 0x1c1, 0x1fe1 | 0b10 << 1] {
            assert_eq!(one(Kind::Breakpoint, 0x1000, control), Ok((0x1000, 0x1e5)), "{control:#x}");
        }
        assert_eq!(one(Kind::Breakpoint, 0x1003, 0x1e1), Ok((0x1000, 0x1e5)));
        assert_eq!(one(Kind::Breakpoint, 0x1000, 0x1e01), Ok((0x1004, 0x1e5)), "the bytes of the next");
        assert_eq!(one(Kind::Breakpoint, 0x1000, 0x1ed), Err(Errno::EINVAL), "of loads");
        assert_eq!(one(Kind::Breakpoint, 0x1000, 0x5), Err(Errno::EINVAL), "of no bytes");
    }

    #[test]
    fn a_watchpoint_of_bytes_in_one_piece() {
        assert_eq!(one(Kind::Watchpoint, 0x1000, 0xff << 5 | 0x1d), Ok((0x1000, 0xff << 5 | 0x1d)));
        assert_eq!(one(Kind::Watchpoint, 0x1004, 0xf << 5 | 0x15), Ok((0x1000, 0xf0 << 5 | 0x15)));
        assert_eq!(one(Kind::Watchpoint, 0x1000, 0xc << 5 | 0xd), Ok((0x1000, 0xc << 5 | 0xd)));
        assert_eq!(one(Kind::Watchpoint, 0x1006, 0xf << 5 | 0xd), Err(Errno::EINVAL), "of two pieces");
        let (result, points) = written(Kind::Watchpoint, &[(0x1004, 0xff << 5 | 0x15)], 0);
        assert_eq!((result, points[0].control), (Err(Errno::EINVAL), 0xf0 << 5 | 0x1c), "the address alone was fine");
        for control in [0x5 << 5 | 0x1d, 0x1d, 0xff << 5 | 0x5] {
            assert_eq!(one(Kind::Watchpoint, 0x1000, control), Err(Errno::EINVAL), "{control:#x}");
        }
    }

    #[test]
    fn the_kernels_addresses_are_refused() {
        for address in [USER_END, USER_END - 3, 0xffff_ffc0_4020_0000, u64::MAX, 1 << 56] {
            assert_eq!(one(Kind::Breakpoint, address, 0x1e5), Err(Errno::EINVAL), "{address:#x}");
            assert_eq!(one(Kind::Watchpoint, address, 0x1ffd), Err(Errno::EINVAL), "{address:#x}");
            assert_eq!(one(Kind::Watchpoint, address, 0), Err(Errno::EINVAL), "{address:#x}, off");
        }
        assert_eq!(one(Kind::Breakpoint, USER_END - 4, 0x1e5), Ok((USER_END - 4, 0x1e5)));
        assert_eq!(one(Kind::Watchpoint, USER_END - 4, 0x80 << 5 | 0x1d), Err(Errno::EINVAL), "moved up over it");
    }

    #[test]
    fn no_more_than_there_are_and_those_before_stay() {
        let seven = [(0x1000, 0x1e5); 7];
        let (result, points) = written(Kind::Breakpoint, &seven, 0);
        assert_eq!(result, Err(Errno::ENOSPC));
        assert!(points[..6].iter().all(|point| point.control == 0x1e5));
        let (result, points) = written(Kind::Breakpoint, &seven[..2], 12);
        assert_eq!((result, points[0].control), (Err(Errno::EINVAL), 0x1e5), "half an address");
        let (result, points) = written(Kind::Breakpoint, &seven[..1], 8);
        assert_eq!((result, points[0].address, points[0].control), (Ok(()), 0x1000, 0x1e4), "an address alone");
    }

    #[test]
    fn one_that_is_off_keeps_what_it_was_of() {
        assert_eq!(one(Kind::Watchpoint, 0x1000, 0), Ok((0x1000, 0x1fc)));
        assert_eq!(one(Kind::Breakpoint, 0, 0), Ok((0, 0x1e4)));
    }

    #[test]
    fn whatever_is_written_hits_user_mode_alone() {
        let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
        for round in 0..200_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let kind = if round % 2 == 0 { Kind::Breakpoint } else { Kind::Watchpoint };
            let (_, points) = written(kind, &[(random >> (random & 63), random as u32)], 0);
            let Point { address, control } = points[0];
            assert!(control == 0 || control & !(BYTES | TYPE | ENABLED) == OF_USER, "{control:#x}");
            assert!(address < USER_END && address.is_multiple_of(4), "{address:#x}");
            assert!(kind == Kind::Watchpoint || control & TYPE == 0, "{control:#x}");
        }
    }
}
