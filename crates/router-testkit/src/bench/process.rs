//! Child processes of the benchmark and what Linux says about their CPU time and memory.

use super::Failure;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux reports CPU time in these ticks to user space on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a process may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a command with its output in `log`, and waits until the address accepts connections.
    ///
    /// # Errors
    /// When it cannot be started, ends early, or does not listen within a minute; with the end of its output.
    pub fn start(command: &mut Command, log: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let output = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut running = Self { child, log: log.to_owned() };
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                return Err(format!("ended with {status}: {}", running.output()).into());
            }
            if Instant::now() > deadline {
                return Err(format!("does not listen on {address}: {}", running.output()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last part of what it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
    }

    /// CPU time so far, user and system, of the process and its children.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let ticks: u64 = self.family().iter().map(|pid| cpu_ticks(*pid)).sum();
        Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Resident memory now, in bytes, of the process and its children.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.family().iter().map(|pid| status_bytes(*pid, "VmRSS:")).sum()
    }

    /// The most resident memory so far, in bytes, summed over the process and its children.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.family().iter().map(|pid| status_bytes(*pid, "VmHWM:")).sum()
    }

    /// Starts the peak of [`Running::peak_memory`] afresh (proc(5), `clear_refs`).
    pub fn reset_peak(&self) {
        for pid in self.family() {
            // A kernel without the feature leaves the older, higher peak: never flattering.
            drop(fs::write(format!("/proc/{pid}/clear_refs"), "5"));
        }
    }

    /// Waits until the process is idle (less than 1 % of a CPU over 300 ms), so that work done after the answers
    /// counts too; at most ten seconds.
    pub fn settle(&self) {
        for _ in 0..33 {
            let before = self.cpu();
            std::thread::sleep(Duration::from_millis(300));
            if self.cpu() - before < Duration::from_millis(10) {
                return;
            }
        }
    }

    /// The process and its direct children (nginx's workers).
    fn family(&self) -> Vec<u32> {
        let own = self.child.id();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let others = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        std::iter::once(own).chain(others.filter(|pid| parent(*pid) == Some(own))).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first, so that nginx takes its workers along; then whatever is left.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A free port on 127.0.0.1. (Another process could take it in between; on a benchmark machine none does.)
///
/// # Errors
/// When there is none.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The fields of `/proc/PID/stat` after the name, which may contain anything; the first is the state.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: u32) -> Option<u32> {
    stat_fields(pid)?.get(1)?.parse().ok()
}

/// `utime` and `stime`: fields 14 and 15 of proc(5), all threads included.
fn cpu_ticks(pid: u32) -> u64 {
    let fields = stat_fields(pid).unwrap_or_default();
    [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum()
}

fn status_bytes(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read_right() {
        let own = std::process::id();
        assert_eq!(parent(own), Some(std::os::unix::process::parent_id()));
        assert!(status_bytes(own, "VmRSS:") > 100_000 && status_bytes(own, "VmHWM:") >= status_bytes(own, "VmRSS:"));
    }

    #[test]
    fn a_process_that_ends_early_is_reported_with_its_output() {
        let log = std::env::temp_dir().join(format!("router-testkit-process-{}", std::process::id()));
        let address = crate::provider::dead_address().unwrap();
        let error = Running::start(Command::new("sh").args(["-c", "echo broken; exit 3"]), &log, address).unwrap_err();
        fs::remove_file(&log).unwrap();
        assert!(error.to_string().contains("broken") && error.to_string().contains('3'), "{error}");
    }
}
