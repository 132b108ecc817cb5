//! The router as a process: started, watched, ended and killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::installation::Installation;

/// Only a broken router takes longer to come up or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running router; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// A router that may not listen yet.
#[derive(Debug)]
pub(crate) struct Starting {
    child: Child,
    address: oneshot::Receiver<SocketAddr>,
    log: std::path::PathBuf,
}

/// The binary under test, and whether it was built for use (see the crate's head).
pub(crate) fn binary() -> (String, bool) {
    #[expect(clippy::disallowed_methods, reason = "ENDURANCE_ROUTER is read from the environment of the test run")]
    let other = std::env::var("ENDURANCE_ROUTER").ok().filter(|path| !path.is_empty());
    match other {
        Some(path) => (path, true),
        None => (env!("CARGO_BIN_EXE_smart-ai-router").to_owned(), !cfg!(debug_assertions)),
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests start the router as its own process")]
fn command(program: &str) -> Command {
    Command::new(program)
}

impl Starting {
    pub(crate) fn new(installation: &Installation) -> Self {
        let log = installation.path().join("router.log");
        let errors = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let mut child = command(&binary().0)
            .arg("serve")
            .arg("--config")
            .arg(installation.config())
            .arg("--data-dir")
            .arg(installation.data())
            .env_clear()
            .envs(Installation::env())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the router starts");
        let output = child.stdout.take().expect("its output");
        let (said, address) = oneshot::channel();
        let reader = move || {
            let mut said = Some(said);
            // Reads to the end, so that the router never waits for a full pipe.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let address = line.strip_prefix("listening on http://").and_then(|rest| rest.parse().ok());
                if let Some((said, address)) = address.and_then(|address| Some((said.take()?, address))) {
                    let _ = said.send(address);
                }
            }
        };
        std::thread::Builder::new().name("router output".to_owned()).spawn(reader).expect("a thread");
        Self { child, address, log }
    }

    /// Waits until it listens.
    pub(crate) async fn listening(mut self) -> Process {
        let heard = tokio::time::timeout(PATIENCE, &mut self.address).await;
        let Ok(Ok(address)) = heard else {
            drop(self.child.kill());
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("the router does not listen ({:?}):\n{log}", self.child.wait());
        };
        Process { child: self.child, address }
    }

    /// SIGKILL, listening or not.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }
}

impl Process {
    pub(crate) async fn start(installation: &Installation) -> Self {
        Starting::new(installation).listening().await
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let sent = command("kill").arg("-TERM").arg(self.child.id().to_string()).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let wait = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("its state") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the router ends")
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("/proc").count()
    }

    /// A memory field of `/proc/PID/status`, in KiB: `VmRSS` now, `VmHWM` the most so far.
    pub(crate) fn memory_kib(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("/proc");
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).expect(field);
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
