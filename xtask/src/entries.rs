//! The kernel's table of entries, by class and by what they interrupted: read from its log, added up over many boots.

use std::fmt;

use anyhow::{Context, Result, ensure};

/// What stands above the table in the kernel's log.
const HEADING: &str = "--- entries by class and by what they interrupted";

/// What classes of the kernel must interrupt, in some test or other. Classes of user mode interrupt user mode. All else is masked
/// there, or a bug of the kernel's that ends it. `masked` is a BRK's body, and a step.
const OF_KERNEL: &[(&str, &[&str])] = &[
    ("el1_abort", &["hardirq", "softirq", "idle", "open", "irqs-off", "masked"]),
    ("el1_undefined", &["hardirq", "softirq", "idle", "open", "irqs-off", "masked"]),
    ("el1_irq", &["softirq", "idle", "open"]),
    ("el1_fiq", &["softirq", "idle", "open"]),
    ("el1_brk", &["hardirq", "softirq", "idle", "open", "irqs-off", "masked"]),
    ("el1_breakpoint", &["hardirq", "softirq", "idle", "open", "irqs-off"]),
    ("el1_watchpoint", &["hardirq", "softirq", "idle", "open", "irqs-off", "masked"]),
    ("el1_step", &["hardirq", "softirq", "idle", "masked"]),
    ("el1_serror", &["hardirq", "softirq", "idle", "open", "irqs-off"]),
];

/// What comes to that where there are NMIs.
const OF_NMIS: &[(&str, &[&str])] = &[
    ("el1_nmi", &["hardirq", "softirq", "idle", "open", "irqs-off"]),
    ("el1_abort", &["nmi"]),
    ("el1_undefined", &["nmi"]),
    ("el1_brk", &["nmi"]),
    ("el1_breakpoint", &["nmi"]),
    ("el1_watchpoint", &["nmi"]),
    ("el1_step", &["nmi"]),
    ("el1_serror", &["nmi"]),
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

    /// What must be interrupted and never was, by a kernel that has NMIs or has none.
    pub fn missing(&self, nmis: bool) -> Vec<(&str, &str)> {
        let of_nmis = if nmis { OF_NMIS } else { &[] };
        let is_wanted = |class: &str, state: &str| {
            let mut of_kernel = OF_KERNEL.iter().chain(of_nmis);
            (class.starts_with("el0_") && state == "user")
                || of_kernel.any(|(wanted, states)| *wanted == class && states.contains(&state))
        };
        let cells = self.classes.iter().flat_map(|(class, counts)| {
            self.states.iter().zip(counts).map(move |(state, count)| (class.as_str(), state.as_str(), *count))
        });
        cells
            .filter(|(class, state, count)| *count == 0 && is_wanted(class, state))
            .map(|(class, state, _)| (class, state))
            .collect()
    }

    /// As the kernel's log has it, to be added again.
    pub fn as_in_log(&self) -> String {
        let row = |class: &str, words: Vec<String>| format!("{class} {}\n", words.join(" "));
        let classes = self.classes.iter();
        let rows = classes.map(|(class, counts)| row(class, counts.iter().map(u64::to_string).collect()));
        format!("{HEADING}\n{}{}", row("class", self.states.clone()), rows.collect::<String>())
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
        assert_eq!(entries.missing(true), []);
    }

    #[test]
    fn adds_what_it_kept() {
        let kept = entries(&[LOG]).as_in_log();
        assert_eq!(entries(&[LOG, &kept]).classes, entries(&[LOG, LOG]).classes);
    }

    #[test]
    fn misses_what_was_never_interrupted() {
        let log = LOG.replace("el1_irq                 0        2", "el1_irq                 0        0");
        assert_eq!(entries(&[&log]).missing(false), [("el1_irq", "open")]);
        let log = log.replace("el1_irq", "el1_nmi");
        assert_eq!(entries(&[&log]).missing(true), [("el1_nmi", "open")]);
        assert_eq!(entries(&[&log]).missing(false), []);
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
