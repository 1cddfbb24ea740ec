//! What a person sees while something takes long: a line, and on a terminal a bar or a spinner with it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Says one line, marked as ours.
pub fn say(line: &str) {
    eprintln!("xtask: {line}");
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
