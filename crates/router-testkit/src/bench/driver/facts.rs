//! The machine and the versions, for the report.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The date in UTC, e.g. `2026-11-23`.
pub(super) fn date() -> String {
    first_line(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))
}

/// Processor, cores, memory, kernel.
pub(super) fn machine() -> String {
    let processor = field("/proc/cpuinfo", "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: u64 = field("/proc/meminfo", "MemTotal").split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} × {processor}, {:.1} GiB memory, Linux {}", kib as f64 / 1_048_576.0, kernel.trim())
}

/// The versions of what took part.
pub(super) fn versions(router: &Path, nginx: &str) -> String {
    let router =
        if router.is_file() { first_line(Command::new(router).arg("--version")) } else { "router: none".to_owned() };
    let rustc = first_line(Command::new("rustc").arg("--version"));
    format!("{router}; {}; {rustc}; hyper 1, profile dist", first_line(Command::new(nginx).arg("-v")))
}

/// The first line of what a command prints, on either channel.
fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return "unknown".to_owned() };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").to_owned()
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
}
