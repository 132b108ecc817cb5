//! A running router: where it listens, what it says, what it wrote down, how it ends.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use router_testkit::http1::Link;
use tempfile::TempDir;

use super::process::{Ended, Process, run_to_end};
use super::{ADMIN, Call, Reply, Row, Setup, eventually};

/// A router in a process of its own, with a folder of its own.
#[derive(Debug)]
pub(crate) struct TestRouter {
    setup: Setup,
    folder: TempDir,
    process: Process,
    address: SocketAddr,
}

impl TestRouter {
    pub(super) async fn start(setup: Setup) -> Self {
        let mut this = Self::begin(setup, SocketAddr::from(([127, 0, 0, 1], 0)));
        this.address = this.listening().await;
        this
    }

    /// A router that is to listen there, without waiting until it does.
    pub(crate) fn begin(setup: Setup, address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write_config(&setup, folder.path());
        let process = launch(&setup, folder.path());
        Self { setup, folder, process, address }
    }

    /// Starts a router that is expected to end at once.
    pub(crate) async fn fails(setup: Setup) -> Ended {
        let folder = tempfile::tempdir().expect("a folder");
        write_config(&setup, folder.path());
        launch(&setup, folder.path()).ended().await
    }

    /// Starts a second router on the data folder of this one, which is expected to end at once.
    pub(crate) async fn second_fails(&self) -> Ended {
        launch(&self.setup, self.folder.path()).ended().await
    }

    /// Starts again with one variable changed, which is expected to fail at once.
    pub(crate) async fn starts_with(&self, name: &str, value: &str) -> Ended {
        launch(&self.setup.clone().env(name, value), self.folder.path()).ended().await
    }

    /// Takes a variable away, for the next start.
    pub(crate) fn forget_env(&mut self, name: &str) {
        self.setup = self.setup.clone().without_env(name);
    }

    pub(crate) async fn listening(&mut self) -> SocketAddr {
        let address = eventually("the line `listening on`", async || {
            let said = self.process.stdout();
            let line = said.lines().find_map(|line| line.strip_prefix("listening on http://"));
            let whole = said.ends_with('\n');
            assert!(line.is_some() || !self.process.has_ended(), "the router ended: {}", self.process.stderr());
            line.filter(|_| whole).map(str::to_owned)
        });
        address.await.parse().expect("an address")
    }

    /// Kills the process and starts it again on the same folder.
    pub(crate) async fn restart(&mut self) {
        self.kill9().await;
        self.restart_ended().await;
    }

    /// Starts it again on the same folder after its end.
    pub(crate) async fn restart_ended(&mut self) {
        self.process = launch(&self.setup, self.folder.path());
        self.address = self.listening().await;
    }

    /// Runs a command of the binary in the same folder, with the same environment.
    pub(crate) async fn command(&self, args: &[&str]) -> Ended {
        run_to_end(args, &self.setup.env, self.folder.path()).await
    }

    /// Puts a file into its folder.
    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("the file is written");
    }

    /// `kill -9`; gives what it had said.
    pub(crate) async fn kill9(&mut self) -> Ended {
        self.process.signal("KILL");
        self.process.ended().await
    }

    /// SIGTERM, then the end.
    pub(crate) async fn stop(&mut self) -> Ended {
        self.terminate();
        self.process.ended().await
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.signal("TERM");
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.process.ended().await
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.process.signal("HUP");
    }

    /// Replaces the configuration file.
    pub(crate) fn write(&self, text: &str) {
        fs::write(config_path(self.folder.path()), text).expect("the file is written");
    }

    /// The folder of the database, the spool and the master key.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its folder in `/proc`.
    pub(crate) fn proc(&self) -> PathBuf {
        self.process.proc()
    }

    pub(crate) fn stdout(&self) -> String {
        self.process.stdout()
    }

    pub(crate) fn stderr(&self) -> String {
        self.process.stderr()
    }
}

/// Asking it.
impl TestRouter {
    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A chat request with the usual key, to the ordered group.
    pub(crate) fn chat(&self) -> Call {
        Call::chat(self.address)
    }

    /// A request without a key.
    pub(crate) fn call(&self, method: &str, target: &str) -> Call {
        Call::new(self.address, method, target)
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.call("GET", target).send().await
    }

    /// Whether it takes new connections.
    pub(crate) async fn accepts(&self) -> bool {
        Link::connect(self.address).await.is_ok()
    }

    /// A question to the admin API.
    pub(crate) async fn admin(&self, target: &str) -> Reply {
        self.call("GET", target).bearer(ADMIN).send().await
    }

    /// Every sample of `/metrics`, by name with labels.
    pub(crate) async fn metrics(&self) -> HashMap<String, f64> {
        let text = self.get("/metrics").await.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// The sum of the samples whose name begins so.
    pub(crate) async fn metric(&self, prefix: &str) -> f64 {
        self.metrics().await.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    }

    /// The rows of the request log, oldest first, once there are `count` of them.
    pub(crate) async fn rows(&self, count: usize) -> Vec<Row> {
        eventually(&format!("row number {count}"), async || {
            let rows = self.rows_now().await;
            assert!(rows.len() <= count, "more rows than requests: {rows:#?}");
            let ids: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids.len(), rows.len(), "a request has two rows");
            (rows.len() == count).then_some(rows)
        })
        .await
    }

    /// The row of the only request.
    pub(crate) async fn row(&self) -> Row {
        self.rows(1).await.remove(0)
    }

    async fn rows_now(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.admin(&format!("/admin/v1/requests?limit=200{cursor}")).await;
            assert_eq!(page.status(), 200, "{}", page.text());
            let page = page.json();
            rows.extend(page["data"].as_array().expect("rows").iter().map(Row::read));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        rows.reverse();
        rows
    }
}

fn config_path(folder: &Path) -> PathBuf {
    folder.join("config").join("router.yaml")
}

fn write_config(setup: &Setup, folder: &Path) {
    if setup.no_files {
        return;
    }
    fs::create_dir_all(folder.join("config")).expect("a folder");
    fs::write(config_path(folder), setup.yaml()).expect("the file is written");
}

fn launch(setup: &Setup, folder: &Path) -> Process {
    let mut args = vec!["serve".to_owned(), "--data-dir".to_owned(), "data".to_owned()];
    if !setup.no_files {
        args.extend(["--config".to_owned(), "config".to_owned()]);
    }
    args.extend(setup.args.iter().cloned());
    Process::start(&args, &setup.env, folder)
}
