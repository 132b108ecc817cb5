//! The router's process: start, signals, output, end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::eventually;

/// A running router. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Standard output, then standard error, as files.
    outputs: [PathBuf; 2],
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; `None`: killed by a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Process {
    /// Starts the binary with nothing but this environment, and its output in `folder`.
    pub(crate) fn start(args: &[String], env: &BTreeMap<String, String>, folder: &Path) -> Self {
        let place = |stream: &str| {
            let taken = (0..).map(|run| folder.join(format!("{stream}.{run}")));
            taken.into_iter().find(|path| !path.exists()).expect("an unused name")
        };
        let outputs = [place("stdout"), place("stderr")];
        let [stdout, stderr] = outputs.each_ref().map(|path| Stdio::from(File::create(path).expect("a file")));
        let child = Command::new(env!("CARGO_BIN_EXE_smart-ai-router"))
            .args(args)
            .env_clear()
            .envs(env)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        Self { child, outputs }
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.outputs[0]).unwrap_or_default()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.outputs[1]).unwrap_or_default()
    }

    /// Its folder in `/proc`.
    pub(crate) fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.child.id()))
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_some()
    }

    /// Sends a signal by its name, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("/bin/kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("/bin/kill runs").success(), "the router takes SIG{name}");
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> Ended {
        let status =
            eventually("the end of the process", async || self.child.try_wait().expect("a child of ours")).await;
        Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command of the binary to its end.
pub(crate) async fn run_to_end(args: &[&str], env: &BTreeMap<String, String>, folder: &Path) -> Ended {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    Process::start(&args, env, folder).ended().await
}
