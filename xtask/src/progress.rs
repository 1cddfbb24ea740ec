//! What a person sees while something takes long: a line, and on a terminal a bar or a spinner with it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// When the first line was said.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Says one line, marked as ours, with the minutes and seconds since the first.
pub fn say(line: &str) {
    let seconds = BEGAN.elapsed().as_secs();
    eprintln!("xtask {:>2}:{:02}: {line}", seconds / 60, seconds % 60);
}

/// Says `line` and turns a spinner until the returned bar is dropped.
pub fn spinner(line: &str) -> ProgressBar {
    say(line);
    let spinner = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {elapsed}").expect("the template is a constant"));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Says `line` and shows how much of `bytes` has come.
pub fn download(line: &str, bytes: u64) -> ProgressBar {
    say(&format!("{line} ({})", indicatif::DecimalBytes(bytes)));
    let template = "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
    ProgressBar::new(bytes).with_style(ProgressStyle::with_template(template).expect("the template is a constant"))
}
