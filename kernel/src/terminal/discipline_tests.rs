//! What is typed against what programs then read and what the screen shows.

use std::string::String;
use std::vec::Vec;

use linux_raw_sys::general as linux;
use proptest::prelude::*;

use super::Discipline;
use crate::terminal::line::LIMIT;
use crate::terminal::termios::Termios;

/// A terminal with these settings.
fn with(change: impl Fn(&mut Termios)) -> Discipline {
    let mut discipline = Discipline::new();
    let mut termios = *discipline.termios();
    change(&mut termios);
    discipline.set_termios(termios);
    discipline
}

fn type_in(discipline: &mut Discipline, bytes: &[u8]) -> Vec<u32> {
    bytes.iter().filter_map(|byte| discipline.receive(*byte)).collect()
}

fn sent(discipline: &mut Discipline) -> Vec<u8> {
    let mut buffer = [0; 1 << 14];
    let count = discipline.output.take(&mut buffer);
    buffer[..count].to_vec()
}

fn read(discipline: &mut Discipline, most: usize) -> Option<Vec<u8>> {
    let mut buffer = std::vec![0; most];
    let count = discipline.read(&mut buffer)?;
    buffer.truncate(count);
    Some(buffer)
}

/// What one line of the screen shows after `bytes`.
fn screen(bytes: &[u8]) -> String {
    let (mut cells, mut column) = (Vec::new(), 0_usize);
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '\u{8}' => column = column.saturating_sub(1),
            '\r' => column = 0,
            '\t' => column = (column / 8 + 1) * 8,
            _ => {
                cells.resize(cells.len().max(column + 1), ' ');
                cells[column] = character;
                column += 1;
            }
        }
    }
    cells.into_iter().collect::<String>().trim_end().into()
}

/// Types a line and its end in canonical mode: what is read of it.
fn line(change: impl Fn(&mut Termios), typed: &[u8]) -> Vec<u8> {
    let mut discipline = with(change);
    type_in(&mut discipline, typed);
    assert_eq!(read(&mut discipline, 9999), None, "nothing before the line's end");
    discipline.receive(b'\r');
    read(&mut discipline, 9999).expect("a line")
}

#[test]
fn a_line_is_read_when_it_is_ended() {
    assert_eq!(line(|_| {}, b"echo"), b"echo\n");
    let mut discipline = with(|_| {});
    type_in(&mut discipline, b"one\rtwo\rth");
    assert_eq!(sent(&mut discipline), b"one\r\ntwo\r\nth");
    assert_eq!(
        (read(&mut discipline, 2).unwrap(), read(&mut discipline, 9).unwrap()),
        (b"on".to_vec(), b"e\n".to_vec())
    );
    assert_eq!((read(&mut discipline, 9).unwrap(), read(&mut discipline, 9)), (b"two\n".to_vec(), None));
}

#[test]
fn characters_words_and_lines_are_erased() {
    assert_eq!(line(|_| {}, b"lx\x7fs"), b"ls\n");
    assert_eq!(line(|_| {}, b"ls -la /tmp \x17"), b"ls -la /\n");
    assert_eq!(line(|_| {}, b"rm all\x15ls"), b"ls\n");
    assert_eq!(line(|_| {}, b"\x7f\x7f\x17\x15x"), b"x\n");
}

#[test]
fn erasing_takes_whole_characters_if_the_terminal_is_utf8() {
    let utf8 = |termios: &mut Termios| termios.input |= linux::IUTF8;
    assert_eq!(line(utf8, "aä€\x7f\x7fb".as_bytes()), b"ab\n");
    assert_eq!(line(|_| {}, "aä\x7fb".as_bytes()), [b'a', 0xc3, b'b', b'\n']);
    // Only the rest of a character: it stays.
    assert_eq!(line(utf8, b"\xa4\x7f\x15"), b"\xa4\n");
}

#[test]
fn erasing_clears_what_was_shown() {
    for (typed, shown) in [
        (&b"abc\x7f"[..], "$ ab"),
        (b"a\x01\x7fb", "$ ab"),
        (b"a\tb\x7f\x7fc", "$ ac"),
        (b"\t\t\x7f\x7fx", "$ x"),
        (b"\x16\x01\tx\x7f\x7fy", "$ ^Ay"),
        (b"one two\x15three", "$ three"),
        (b"one two\x17", "$ one"),
    ] {
        let mut discipline = with(|_| {});
        discipline.write(b"$ ");
        type_in(&mut discipline, typed);
        assert_eq!(screen(&sent(&mut discipline)), shown, "{typed:?}");
    }
}

#[test]
fn erasing_without_echoe_or_echoke_shows_the_character() {
    let mut discipline = with(|termios| termios.local &= !(linux::ECHOE | linux::ECHOKE));
    type_in(&mut discipline, b"a\x7fb\x15");
    assert_eq!(sent(&mut discipline), b"a^?b^U\r\n");
}

#[test]
fn nothing_is_shown_without_echo_but_the_newline_if_wanted() {
    let mut discipline = with(|termios| termios.local &= !linux::ECHO);
    type_in(&mut discipline, b"secret\x7f\x15x\x12\r");
    assert_eq!(sent(&mut discipline), b"");
    let mut discipline = with(|termios| termios.local = linux::ICANON | linux::ECHONL);
    type_in(&mut discipline, b"secret\r");
    assert_eq!(sent(&mut discipline), b"\r\n");
}

#[test]
fn control_characters_are_shown_by_their_letters() {
    let mut discipline = with(|_| {});
    type_in(&mut discipline, b"\x1b[A\t");
    assert_eq!(sent(&mut discipline), b"^[[A\t");
    let mut discipline = with(|termios| termios.local &= !linux::ECHOCTL);
    type_in(&mut discipline, b"\x1b[A");
    assert_eq!(sent(&mut discipline), b"\x1b[A");
}

#[test]
fn the_next_byte_can_be_taken_literally() {
    assert_eq!(line(|_| {}, b"a\x16\x03\x16\x7f\x16\x16"), b"a\x03\x7f\x16\n");
    let mut discipline = with(|_| {});
    assert_eq!(type_in(&mut discipline, b"\x16\x03"), []);
    assert_eq!(screen(&sent(&mut discipline)), "^C");
}

#[test]
fn a_line_is_shown_again_on_request() {
    let mut discipline = with(|_| {});
    type_in(&mut discipline, b"ab\x12");
    assert_eq!(sent(&mut discipline), b"ab^R\r\nab");
}

#[test]
fn the_end_of_the_file_ends_a_line_and_is_no_byte() {
    let mut discipline = with(|_| {});
    type_in(&mut discipline, b"\x04ab\x04cd\x04\x04");
    assert_eq!(read(&mut discipline, 9).unwrap(), b"");
    assert_eq!(read(&mut discipline, 9).unwrap(), b"ab");
    // A buffer that the bytes fill takes the end too: no read of nothing follows.
    assert_eq!(read(&mut discipline, 2).unwrap(), b"cd");
    assert_eq!((read(&mut discipline, 9).unwrap(), read(&mut discipline, 9)), (b"".to_vec(), None));
}

#[test]
fn other_characters_can_end_lines() {
    let mut discipline = with(|termios| termios.characters[linux::VEOL as usize] = b';');
    type_in(&mut discipline, b"ab;c");
    assert_eq!((read(&mut discipline, 9).unwrap(), read(&mut discipline, 9)), (b"ab;".to_vec(), None));
}

#[test]
fn signals_throw_away_what_was_typed_unless_told_not_to() {
    let mut discipline = with(|_| {});
    discipline.write(b"much output");
    assert_eq!(type_in(&mut discipline, b"one\rtwo\x03"), [linux::SIGINT]);
    assert_eq!((sent(&mut discipline), read(&mut discipline, 9)), (b"^C".to_vec(), None));
    assert_eq!(type_in(&mut discipline, b"\x1a\x1c"), [linux::SIGTSTP, linux::SIGQUIT]);
    assert_eq!(line(|_| {}, b"x\x16\x03"), b"x\x03\n");

    let mut discipline = with(|termios| termios.local |= linux::NOFLSH);
    assert_eq!(type_in(&mut discipline, b"one\x03\r"), [linux::SIGINT]);
    assert_eq!(read(&mut discipline, 9).unwrap(), b"one\n");
    let mut discipline = with(|termios| termios.local &= !linux::ISIG);
    assert_eq!(type_in(&mut discipline, b"\x03\x1a\x1c"), []);
}

#[test]
fn output_stops_and_goes_on() {
    let mut discipline = with(|_| {});
    discipline.write(b"text");
    discipline.receive(0x13);
    assert_eq!(sent(&mut discipline), b"");
    discipline.receive(0x11);
    assert_eq!(sent(&mut discipline), b"text");
    // Whoever takes the characters away finds output going.
    discipline.receive(0x13);
    let mut raw = *discipline.termios();
    raw.input = 0;
    discipline.write(b"more");
    discipline.set_termios(raw);
    assert_eq!(sent(&mut discipline), b"more");
}

#[test]
fn newlines_and_returns_are_exchanged_as_wanted() {
    let typed = |input| {
        let mut discipline = with(|termios| (termios.input, termios.local) = (input, 0));
        type_in(&mut discipline, b"\r\n");
        read(&mut discipline, 9).unwrap_or_default()
    };
    assert_eq!(typed(0), b"\r\n");
    assert_eq!(typed(linux::ICRNL), b"\n\n");
    assert_eq!(typed(linux::INLCR), b"\r\r");
    assert_eq!(typed(linux::IGNCR), b"\n");
}

#[test]
fn raw_input_is_readable_at_once() {
    let mut discipline = with(|termios| termios.local = 0);
    assert!(!discipline.can_read(1));
    type_in(&mut discipline, b"a\x7f\x04");
    assert!(discipline.can_read(3) && !discipline.can_read(4));
    assert_eq!(read(&mut discipline, 9).unwrap(), b"a\x7f\x04");
}

#[test]
fn a_change_of_mode_loses_nothing() {
    let mut discipline = with(|_| {});
    let (canonical, mut raw) = (*discipline.termios(), *discipline.termios());
    raw.local = 0;
    type_in(&mut discipline, b"one\rtw");
    discipline.set_termios(raw);
    assert_eq!(read(&mut discipline, 9).unwrap(), b"one\ntw");
    type_in(&mut discipline, b"three");
    discipline.set_termios(canonical);
    assert_eq!(read(&mut discipline, 9).unwrap(), b"three");
    // What was to be taken literally is no longer.
    type_in(&mut discipline, b"\x16");
    raw.local = linux::ISIG;
    discipline.set_termios(raw);
    assert_eq!(type_in(&mut discipline, b"\x03"), [linux::SIGINT]);
}

#[test]
fn a_line_that_is_too_long_keeps_its_beginning_and_its_end() {
    let mut discipline = with(|_| {});
    for _ in 0..2 * LIMIT {
        assert!(discipline.has_room());
        discipline.receive(b'x');
    }
    assert_eq!(type_in(&mut discipline, b"\r"), []);
    let line = read(&mut discipline, 2 * LIMIT).unwrap();
    assert_eq!((line.len(), line.last()), (LIMIT, Some(&b'\n')));
}

#[test]
fn lines_that_nobody_reads_hold_the_next_bytes_back() {
    let mut discipline = with(|_| {});
    let count = (0..2 * LIMIT).take_while(|_| discipline.has_room() && { discipline.receive(b'\n').is_none() }).count();
    assert_eq!(count, LIMIT);
    read(&mut discipline, 1);
    assert!(discipline.has_room());
}

proptest! {
    /// What is typed without special characters comes out as it went in, whatever the sizes of the reads.
    #[test]
    fn plain_lines_come_out_as_they_went_in(lines in prop::collection::vec("[ -~]{0,60}", 0..20), size in 1..70_usize) {
        let mut discipline = with(|_| {});
        let mut expected = Vec::new();
        for line in &lines {
            type_in(&mut discipline, line.as_bytes());
            discipline.receive(b'\n');
            expected.extend_from_slice(line.as_bytes());
            expected.push(b'\n');
        }
        let mut came = Vec::new();
        while let Some(piece) = read(&mut discipline, size) {
            came.extend(piece);
        }
        prop_assert_eq!(came, expected);
    }

    /// After any typing, erasing to the line's beginning leaves the screen as it was before.
    #[test]
    fn a_killed_line_leaves_nothing_on_the_screen(
        prompt in "[a-z]{0,9}",
        typed in prop::collection::vec(prop_oneof![Just(b'\t'), Just(1), Just(0x7f), Just(0x17), b' '..=b'~'], 0..9),
    ) {
        let mut discipline = with(|termios| termios.input |= linux::IUTF8);
        discipline.write(prompt.as_bytes());
        type_in(&mut discipline, &typed);
        discipline.receive(0x15);
        discipline.receive(b'!');
        prop_assert_eq!(screen(&sent(&mut discipline)), prompt + "!");
    }

    /// Nothing that is typed, under no settings, breaks anything or takes more than its room.
    #[test]
    fn anything_may_be_typed(
        settings in prop::collection::vec(any::<[u8; 36]>(), 1..4),
        typed in prop::collection::vec(any::<u8>(), 0..6000),
    ) {
        let mut discipline = with(|_| {});
        for (piece, settings) in typed.chunks(typed.len() / settings.len() + 1).zip(&settings) {
            let termios = discipline.termios().with_bytes(settings);
            discipline.set_termios(termios);
            for byte in piece {
                if discipline.has_room() {
                    discipline.receive(*byte);
                }
            }
            prop_assert!(discipline.readable() <= 2 * LIMIT);
            sent(&mut discipline);
        }
        while read(&mut discipline, 100).is_some() {}
    }
}
