//! The machine's two serial ports as QEMU gives them to us: the first is the terminal of the programs, on QEMU's standard
//! output; the second is the kernel's log, on its standard error, where QEMU's own complaints come too.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

/// Where what a machine says is shown. All of it is kept in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Nowhere.
    Nothing,
    /// The terminal on our standard output.
    Terminal,
    /// The log on our standard error as well.
    TerminalAndLog,
}

/// What a machine has said.
#[derive(Default)]
pub struct Said {
    /// The programs.
    pub terminal: Vec<u8>,
    /// The kernel.
    pub log: Vec<u8>,
}

/// What happens while a machine runs.
enum Event {
    Terminal(Vec<u8>),
    Log(Vec<u8>),
    /// One of the two says no more.
    Closed,
    Quit,
}

/// Why there is nothing more to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// QEMU has ended.
    Ended,
    /// The deadline has passed.
    TooLate,
    /// Whoever types asked for the end.
    Quit,
}

/// The receiving ends of a running QEMU's ports.
pub struct Ports {
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// How many of the two may still say something.
    open: Cell<u32>,
}

/// Has QEMU connect its ports to the standard output and error of what `command` starts.
pub fn connect(command: &mut Command) {
    command.args(["-serial", "stdio", "-serial", "file:/dev/stderr"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
}

impl Ports {
    /// Listens to a QEMU that was started with [`connect`]ed ports.
    pub fn listen(child: &mut Child, show: Show) -> Self {
        let (sender, events) = mpsc::channel();
        let terminal = child.stdout.take().expect("its output is piped");
        let shown = (show != Show::Nothing).then(io::stdout);
        forward(terminal, shown, sender.clone(), Event::Terminal);
        let log = child.stderr.take().expect("its errors are piped");
        forward(log, (show == Show::TerminalAndLog).then(io::stderr), sender.clone(), Event::Log);
        Self { events, sender, open: Cell::new(2) }
    }

    /// What whoever types calls to end the machine.
    pub fn quitter(&self) -> impl FnOnce() + Send + use<> {
        let sender = self.sender.clone();
        move || _ = sender.send(Event::Quit) // The machine may have ended.
    }

    /// Adds to `said` until there is nothing more to hear, or it is too late.
    pub fn keep_all(&self, deadline: Option<Instant>, said: &mut Said) -> Silence {
        self.keep_until(deadline, said, |_| false).unwrap_or(Silence::Ended)
    }

    /// Adds to `said` until that is `enough`; if it never is, why there is nothing more.
    pub fn keep_until(
        &self,
        deadline: Option<Instant>,
        said: &mut Said,
        enough: impl Fn(&Said) -> bool,
    ) -> Option<Silence> {
        while self.open.get() > 0 {
            if enough(said) {
                return None;
            }
            let event = match deadline {
                Some(deadline) => self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Terminal(bytes)) => said.terminal.extend(bytes),
                Ok(Event::Log(bytes)) => said.log.extend(bytes),
                Ok(Event::Closed) => self.open.set(self.open.get() - 1),
                Ok(Event::Quit) => return Some(Silence::Quit),
                Err(RecvTimeoutError::Timeout) => return Some(Silence::TooLate),
                Err(RecvTimeoutError::Disconnected) => unreachable!("we have a sender ourselves"),
            }
        }
        Some(Silence::Ended)
    }
}

/// Reads `from` in a thread of its own, shows what comes, and hands it on.
fn forward(
    mut from: impl Read + Send + 'static,
    mut shown: Option<impl Write + Send + 'static>,
    sender: Sender<Event>,
    event: fn(Vec<u8>) -> Event,
) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if let Some(shown) = &mut shown {
                let _ = shown.write_all(&buffer[..count]).and_then(|()| shown.flush()); // Nobody may be looking.
            }
            if sender.send(event(buffer[..count].to_vec())).is_err() {
                return;
            }
        }
        let _ = sender.send(Event::Closed); // Nobody may be listening any more.
    });
}
