//! The interactive test: a shell on the kernel, and somebody who types as a person does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::backend::Backend;
use crate::build::{self, Build};
use crate::busybox::Busybox;
use crate::command_line::{Preempt, Terminal, command_line};
use crate::initrd::Root;
use crate::machine::{Boot, End, Machine};
use crate::progress::say;
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;
use crate::typist::Act::{self, Pause, See, Type};

/// What `--boot` chooses it by.
pub const NAME: &str = "interactive shell";

const LIMIT: Duration = Duration::from_secs(120);

/// What the shell says when it waits for a line: its prompt, and a question to the terminal that nobody answers.
const PROMPT: Act = See("# \u{1b}[6n");

const CTRL_C: Act = Type("\u{3}");
const CTRL_D: Act = Type("\u{4}");
const CTRL_Z: Act = Type("\u{1a}");
/// Until a command that says nothing has begun.
const BEGIN: Act = Pause(400);

/// What is done, by what it shows.
const CONVERSATION: &[(&str, &[Act])] = &[
    ("a line is edited", &[PROMPT, Type("ecko\u{7f}\u{7f}ho $((6*7))\r"), See("\r\n42\r\n"), PROMPT]),
    (
        "Ctrl-C ends what sleeps",
        &[Type("sleep 100\r"), BEGIN, CTRL_C, See("^C"), PROMPT, Type("echo $?\r"), See("\r\n130\r\n"), PROMPT],
    ),
    (
        "Ctrl-C ends what reads",
        &[
            Type("cat\r"),
            BEGIN,
            Type("abc\r"),
            See("abc\r\nabc\r\n"),
            Type("lost"),
            See("lost"),
            CTRL_C,
            See("^C"),
            PROMPT,
        ],
    ),
    ("Ctrl-\\ ends too, and says so", &[Type("sleep 100\r"), BEGIN, Type("\u{1c}"), See("^\\Quit"), PROMPT]),
    (
        "the line discipline edits as well",
        &[
            Type("cat\r"),
            BEGIN,
            Type("one two three\u{17}\u{17}2x\u{7f}\r"),
            See("\r\none 2\r\n"),
            Type("forgotten\u{15}\u{16}\u{3}\r"),
            See("\r\n\u{3}\r\n"),
            CTRL_D,
            PROMPT,
        ],
    ),
    (
        "Ctrl-Z stops, jobs shows, fg goes on, Ctrl-D ends",
        &[
            Type("cat\r"),
            BEGIN,
            Type("one\r"),
            See("one\r\none\r\n"),
            CTRL_Z,
            See("^Z"),
            See("Stopped"),
            PROMPT,
            Type("jobs\r"),
            See("[1]+  Stopped"),
            PROMPT,
            Type("fg\r"),
            See("\r\ncat\r\n"),
            BEGIN,
            Type("two\r"),
            See("two\r\ntwo\r\n"),
            CTRL_D,
            PROMPT,
        ],
    ),
    (
        "bg goes on behind the shell",
        &[
            Type("sleep 1\r"),
            BEGIN,
            CTRL_Z,
            See("Stopped"),
            PROMPT,
            Type("bg\r"),
            See("[1] sleep 1"),
            PROMPT,
            Type("wait; echo over-$((1+1))\r"),
            See("\r\nover-2\r\n"),
            PROMPT,
        ],
    ),
    (
        "the arrow up brings lines back",
        &[
            Type("echo again-$((1+2))\r"),
            See("\r\nagain-3\r\n"),
            PROMPT,
            Type("\u{1b}[A\r"),
            See("\r\nagain-3\r\n"),
            PROMPT,
        ],
    ),
    (
        "who reads behind the shell stops",
        &[
            Type("cat &\r"),
            PROMPT,
            BEGIN,
            Type("jobs\r"),
            See("Stopped (tty input)"),
            PROMPT,
            Type("kill -9 %1; wait\r"),
            PROMPT,
        ],
    ),
    (
        "who writes behind the shell stops, if the terminal says so",
        &[
            Type("stty tostop; echo late-$((1+1)) &\r"),
            PROMPT,
            BEGIN,
            Type("jobs\r"),
            See("Stopped (tty output)"),
            PROMPT,
            Type("fg\r"),
            See("\r\nlate-2\r\n"),
            PROMPT,
            Type("stty -tostop; echo soon-$((1+1)) & wait\r"),
            See("\r\nsoon-2\r\n"),
            PROMPT,
        ],
    ),
    (
        "raw reads end by number and by time",
        &[
            Type(
                "t() { stty -icanon -echo min $1 time $2; echo go; dd bs=9 count=1 2>&- | wc -c; stty icanon echo; }\r",
            ),
            PROMPT,
            // No key, and the time passes.
            Type("t 0 3\r"),
            See("go\r\n0\r\n"),
            PROMPT,
            // One key, long before it has.
            Type("t 0 250\r"),
            See("go\r\n"),
            BEGIN,
            Type("k"),
            See("1\r\n"),
            PROMPT,
            // Without a time it waits for all.
            Type("t 3 0\r"),
            See("go\r\n"),
            Type("k"),
            BEGIN,
            Type("ey"),
            See("3\r\n"),
            PROMPT,
            // The time begins with the first key.
            Type("t 3 5\r"),
            See("go\r\n"),
            Pause(800),
            Type("ke"),
            See("2\r\n"),
            PROMPT,
            Type("stty min 1 time 0\r"),
            PROMPT,
        ],
    ),
    (
        "stty knows the settings",
        &[
            Type("stty -a\r"),
            See("intr = ^C; quit = ^\\; erase = ^?; kill = ^U; eof = ^D;"),
            See("\r\nisig icanon iexten echo echoe echok"),
            See("\r\nechoctl echoke"),
            PROMPT,
        ],
    ),
    (
        "a secret is not shown",
        &[Type("read -s x; echo \"<$x>\"\r"), BEGIN, Type("secret\r"), See("\"<$x>\"\r\n<secret>\r\n"), PROMPT],
    ),
    ("the tabulator completes names", &[Type("echo /bin/busyb\t\r"), See("\r\n/bin/busybox\r\n"), PROMPT]),
    (
        "vi writes a file",
        &[
            Type("vi /tmp/note\r"),
            See("- /tmp/note"),
            Type("ihello\u{1b}"),
            BEGIN,
            Type("ofrom vi\u{1b}"),
            BEGIN,
            Type(":wq\r"),
            See("'/tmp/note' 2L"),
            PROMPT,
            Type("cat /tmp/note\r"),
            See("\r\nhello\r\nfrom vi\r\n"),
            PROMPT,
        ],
    ),
];

/// A line of 3,000 bytes, pasted where it is counted.
fn paste() -> [Act; 7] {
    let line: &'static str = "y".repeat(3000).leak();
    [Type("wc -c\r"), BEGIN, Type(line), Type("\r"), CTRL_D, See("\r\n3001\r\n"), PROMPT]
}

/// Boots the checked release kernel with a shell and has the whole conversation with it.
pub fn check(toolchain: &Toolchain, qemu: &Qemu, backend: Backend) -> Result<()> {
    let busybox = match Busybox::ready() {
        Ok(busybox) => busybox,
        Err(why) => {
            say(&format!("no busybox, and so no interactive test: {why:#}"));
            return Ok(());
        }
    };
    let mut root = Root::new();
    root.add_busybox(&busybox)?;
    let machine = Machine {
        kernel: &build::kernel(toolchain, "release", Build::checked(backend))?,
        shim: None,
        initrd: &root.write("interactive")?,
        program: None,
        command_line: &command_line(Preempt::Full, Terminal::Whole, &["sh"]),
        cpus: 2,
        cpu: backend.cpu(),
        mte: false,
        limit: Some(LIMIT),
    };
    let started = Instant::now();
    let boot = machine.boot_with_typist(qemu, |typist| {
        for (what, acts) in CONVERSATION.iter().copied().chain([("a paste is not cut", &paste()[..])]) {
            typist.act(acts).with_context(|| format!("boot test {NAME}: {what}"))?;
        }
        typist.act(&[CTRL_D])
    })?;
    judge(&boot).map_err(|why| anyhow!("boot test {NAME}: {why}\nthe log:\n{}", boot.log))?;
    println!("boot test {NAME} ... ok ({:.1} s)", started.elapsed().as_secs_f32());
    Ok(())
}

/// Ctrl-D has ended the shell, and that the machine.
fn judge(boot: &Boot) -> Result<()> {
    match &boot.end {
        End::Exited(0) if boot.is_regular() => Ok(()),
        end => bail!("Ctrl-D should end the shell, but: {end}"),
    }
}
