//! What a process wants done with each signal: `sigaction`.

use linux_raw_sys::general as linux;

use super::signal::{Default, Signal, SignalSet};

/// For one signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Action {
    /// What to call, or one of the two that are none.
    pub handler: usize,
    /// SA_...
    pub flags: u64,
    /// Where the handler returns to, with SA_RESTORER.
    pub restorer: usize,
    /// What is blocked meanwhile.
    pub mask: SignalSet,
}

/// What is to be done with a signal now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// What it does by default.
    Default(Default),
    /// Nothing.
    Ignore,
    /// Call the handler.
    Handle(Action),
}

const DEFAULT: usize = 0;
const IGNORE: usize = 1;

impl Action {
    const NONE: Action = Action { handler: DEFAULT, flags: 0, restorer: 0, mask: SignalSet::NONE };

    /// From user mode's four words.
    pub fn from_words([handler, flags, restorer, mask]: [u64; 4]) -> Action {
        let mask = SignalSet::from_bits(mask).without(SignalSet::ABSOLUTE);
        Action { handler: handler as usize, flags, restorer: restorer as usize, mask }
    }

    /// As user mode's four words.
    pub fn to_words(self) -> [u64; 4] {
        [self.handler as u64, self.flags, self.restorer as u64, self.mask.bits()]
    }

    /// Has it this flag?
    pub fn has(&self, flag: u32) -> bool {
        self.flags & u64::from(flag) != 0
    }
}

/// For every signal.
#[derive(Clone)]
pub struct Actions([Action; Signal::LAST as usize]);

impl Actions {
    /// Nothing said.
    pub const DEFAULT: Actions = Actions([Action::NONE; Signal::LAST as usize]);

    /// What was said of `signal`.
    pub fn get(&self, signal: Signal) -> Action {
        self.0[signal.number() as usize - 1]
    }

    /// Says something else.
    pub fn set(&mut self, signal: Signal, action: Action) {
        self.0[signal.number() as usize - 1] = action;
    }

    /// What is to be done.
    pub fn of(&self, signal: Signal) -> Disposition {
        let action = self.get(signal);
        match action.handler {
            _ if signal.is_absolute() => Disposition::Default(signal.default()),
            DEFAULT => Disposition::Default(signal.default()),
            IGNORE => Disposition::Ignore,
            _ => Disposition::Handle(action),
        }
    }

    /// Would nobody notice it?
    pub fn ignore(&self, signal: Signal) -> bool {
        matches!(self.of(signal), Disposition::Ignore | Disposition::Default(Default::Ignore))
    }

    /// Is there a handler?
    pub fn is_handled(&self, signal: Signal) -> bool {
        matches!(self.of(signal), Disposition::Handle(_))
    }

    /// As if nothing had been said of it.
    pub fn forget(&mut self, signal: Signal) {
        self.set(signal, Action::NONE);
    }

    /// The same, now that it is done: a handler that is for one signal only is none any more.
    pub fn take(&mut self, signal: Signal) -> Disposition {
        let disposition = self.of(signal);
        if matches!(disposition, Disposition::Handle(action) if action.has(linux::SA_RESETHAND)) {
            self.0[signal.number() as usize - 1].handler = DEFAULT;
        }
        disposition
    }

    /// A new program begins: handlers are gone, what is ignored stays so.
    pub fn for_new_program(&mut self) {
        for action in &mut self.0 {
            let handler = if action.handler == IGNORE { IGNORE } else { DEFAULT };
            *action = Action { handler, ..Action::NONE };
        }
    }

    /// Children that end are nobody's to wait for.
    pub fn drop_children(&self) -> bool {
        let action = self.get(Signal::SIGCHLD);
        action.handler == IGNORE || action.has(linux::SA_NOCLDWAIT)
    }
}
