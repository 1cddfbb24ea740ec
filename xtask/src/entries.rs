//! The kernel's table of entries, by class and by what they interrupted: read from its log, added up over many boots.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};

/// What stands above the table in the kernel's log.
const HEADING: &str = "--- entries by class and by what they interrupted";

/// What classes of the kernel must interrupt, in some test or other. Classes of user mode interrupt user mode. All else is either
/// masked there, or a bug of the kernel's that ends it.
const OF_KERNEL: &[(&str, &[&str])] = &[
    ("el1_abort", &["open"]),
    ("el1_undefined", &["open"]),
    ("el1_irq", &["open", "idle", "softirq"]),
    ("el1_fiq", &["open", "idle"]),
    ("el1_nmi", &["irqs-off", "hardirq"]),
    ("el1_brk", &["open"]),
];

/// How often.
#[derive(Default)]
pub struct Entries {
    states: Vec<String>,
    /// In the order of the log, a count for each state.
    classes: Vec<(String, Vec<u64>)>,
}

impl Entries {
    /// Adds what one boot has counted. Nothing if it ended before it printed that.
    pub fn add(&mut self, log: &str) -> Result<()> {
        let mut lines = log.lines().map(str::trim_end).skip_while(|line| *line != HEADING).skip(1);
        let Some(header) = lines.next() else { return Ok(()) };
        let states: Vec<_> = header.split_whitespace().skip(1).map(str::to_owned).collect();
        ensure!(self.states.is_empty() || self.states == states, "another kernel's table of entries: {header}");
        self.states = states;
        for line in lines.take_while(|line| !line.starts_with("---")) {
            let (class, counts) = row(line).with_context(|| format!("not a row of the table of entries: {line:?}"))?;
            ensure!(counts.len() == self.states.len(), "a row of {} counts under {header:?}", counts.len());
            match self.classes.iter_mut().find(|(name, _)| *name == class) {
                Some((_, sums)) => sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count),
                None => self.classes.push((class, counts)),
            }
        }
        Ok(())
    }

    /// What must be interrupted and never was.
    pub fn missing(&self, is_there: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
        let of_kernel: BTreeMap<_, _> = OF_KERNEL.iter().copied().collect();
        let wanted = |class: &str| {
            if class.starts_with("el0_") { &["user"][..] } else { of_kernel.get(class).copied().unwrap_or_default() }
        };
        let classes = self.classes.iter().filter(|(class, _)| is_there(class));
        let cells = classes.flat_map(|(class, counts)| {
            self.states.iter().zip(counts).map(move |(state, count)| (class, state, *count))
        });
        cells
            .filter(|(class, state, count)| *count == 0 && wanted(class).contains(&state.as_str()))
            .map(|(class, state, _)| (class.as_str(), state.as_str()))
            .collect()
    }
}

fn row(line: &str) -> Option<(String, Vec<u64>)> {
    let mut words = line.split_whitespace();
    let class = words.next()?.to_owned();
    Some((class, words.map(|word| word.parse().ok()).collect::<Option<_>>()?))
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}", "class")?;
        self.states.iter().try_for_each(|state| write!(f, "{state:>12}"))?;
        for (class, counts) in &self.classes {
            write!(f, "\n{class:<16}")?;
            counts.iter().try_for_each(|count| match count {
                0 => write!(f, "{:>12}", "."),
                count => write!(f, "{count:>12}"),
            })?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
before\r
--- entries by class and by what they interrupted\r
class                user     open\r
el0_svc                 3        0\r
el1_irq                 0        2\r
--- preemptions\r
interrupt exit          7\r
";

    fn entries(logs: &[&str]) -> Entries {
        let mut entries = Entries::default();
        logs.iter().for_each(|log| entries.add(log).expect("it is a log"));
        entries
    }

    #[test]
    fn adds_up() {
        let entries = entries(&[LOG, LOG, "one that ended early\r\n"]);
        assert_eq!(entries.classes, [("el0_svc".to_owned(), vec![6, 0]), ("el1_irq".to_owned(), vec![0, 4])]);
        assert_eq!(entries.missing(|_| true), []);
    }

    #[test]
    fn misses_what_was_never_interrupted() {
        let log = LOG.replace("el1_irq                 0        2", "el1_irq                 0        0");
        assert_eq!(entries(&[&log]).missing(|_| true), [("el1_irq", "open")]);
        assert_eq!(entries(&[&log]).missing(|class| class != "el1_irq"), []);
    }

    #[test]
    fn refuses_what_is_no_table() {
        for (row, why) in [("el0_svc 3", "a row of 1 counts"), ("el0_svc three 0", "not a row")] {
            let log = LOG.replace("el0_svc                 3        0", row);
            let error = Entries::default().add(&log).expect_err("it is wrong").to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
