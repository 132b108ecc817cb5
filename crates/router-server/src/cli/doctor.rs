//! `doctor`: what is unsafe or unhealthy in this installation. Never a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use router_store::{Role, Store, StoreErrorKind};

use super::args::InstallArgs;
use super::install::{Install, block_on, sqlite_file};
use super::{Exit, Failed};
use crate::clock::unix_ms;
use crate::config::system::UnknownPriceSetting;
use crate::config::{Level, Loaded, is_loopback};

/// A spool larger than this does not reach the database.
const LARGE_SPOOL: u64 = 64 << 20;
/// Before this moment no clock is right: 2026-01-01.
const EARLIEST_MS: u64 = 1_767_225_600_000;
/// Environment variable with the master key.
const MASTER_KEY: &str = "SMART_AI_ROUTER_MASTER_KEY";

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ok,
    Warn,
    Bad,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// The findings, in the order of looking.
#[derive(Debug, Default)]
struct Findings(Vec<(Verdict, &'static str, String)>);

impl Findings {
    fn add(&mut self, verdict: Verdict, what: &'static str, text: impl Into<String>) {
        self.0.push((verdict, what, text.into()));
    }

    fn ok(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(Verdict::Ok, what, text);
    }

    fn warn(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(Verdict::Warn, what, text);
    }

    fn bad(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(Verdict::Bad, what, text);
    }

    /// Every text as a warning; if there is none, what is well instead.
    fn each(&mut self, what: &'static str, texts: Vec<String>, well: &str) {
        if texts.is_empty() {
            self.ok(what, well);
        }
        for text in texts {
            self.warn(what, text);
        }
    }
}

/// Runs every check. Exit code 1 if one is bad.
///
/// # Errors
/// When the result cannot be written.
pub fn run(
    args: &InstallArgs,
    env: &BTreeMap<String, String>,
    out: &mut dyn Write,
    _err: &mut dyn Write,
) -> Result<Exit, Failed> {
    let install = Install::new(args, env);
    let mut findings = Findings::default();
    let demo = !install.named && install.instance.as_ref().is_some_and(|instance| instance.demo);
    let loaded = install.load(demo, false);
    match &loaded {
        Ok(loaded) => configuration(loaded, &mut findings),
        Err(failed) => findings.bad("configuration", failed.message.clone()),
    }
    folder(&install, &mut findings);
    if let Ok(loaded) = &loaded {
        let url = loaded.system.database.url.expose();
        master_key(&install, sqlite_file(url).is_some() || url.starts_with("sqlite:"), &mut findings);
        block_on(async {
            database(&install, loaded, &mut findings).await;
            Ok(())
        })?;
    }
    clock(unix_ms(), &mut findings);
    for (verdict, what, text) in &findings.0 {
        let text = text.replace('\n', "\n                     ");
        writeln!(out, "{verdict:<5} {what:<14} {text}")?;
    }
    let count = |wanted: Verdict| findings.0.iter().filter(|(verdict, ..)| *verdict == wanted).count();
    let (bad, warn) = (count(Verdict::Bad), count(Verdict::Warn));
    writeln!(out, "{} checks: {bad} bad, {warn} to look at", findings.0.len())?;
    Ok(if bad == 0 { Exit::Ok } else { Exit::Failure })
}

fn configuration(loaded: &Loaded, findings: &mut Findings) {
    findings.ok("configuration", format!("valid, {} channels, hash {}", loaded.channels.len(), short(&loaded.hash)));
    let system = &loaded.system;
    let host = &system.server.host;
    match (system.auth.required, is_loopback(host)) {
        (true, true) => findings.ok("authentication", "keys are required; reachable from this machine only"),
        (true, false) => {
            let text = format!("keys are required; listens on {host}: put a proxy with TLS in front");
            findings.ok("authentication", text);
        }
        (false, true) => {
            findings.warn("authentication", "auth.required is false: every program on this machine may call")
        }
        (false, false) => findings.bad("authentication", format!("auth.required is false and server.host is {host}")),
    }
    let notices = loaded.notices.iter().filter(|notice| notice.level == Level::Warning).map(ToString::to_string);
    findings.each("notices", notices.collect(), "the configuration has no warnings");
    if loaded.channels.iter().all(|channel| !channel.spec.enabled) {
        findings
            .bad("channels", "no channel is enabled: set a provider key such as OPENAI_API_KEY, or declare channels");
    }
    let keyless = loaded
        .channels
        .iter()
        .filter(|channel| channel.spec.enabled && channel.secrets.is_empty() && needs_key(channel.provider.auth));
    let keyless = keyless.map(|channel| format!("channel {} has no API key", channel.spec.name));
    findings.each("provider keys", keyless.collect(), "every channel that needs a key has one");
    let plain = loaded.channels.iter().filter(|channel| {
        let authority = channel.spec.base_url.strip_prefix("http://").map(host_of);
        authority.is_some_and(|host| !is_loopback(host))
    });
    let plain = plain.map(|channel| format!("channel {} sends its key over plain http", channel.spec.name));
    findings.each("transport", plain.collect(), "every channel elsewhere is called over https");
    let unpriced: usize = loaded
        .channels
        .iter()
        .filter(|channel| channel.spec.enabled)
        .flat_map(|channel| &channel.spec.models)
        .filter(|model| model.price.is_none())
        .count();
    match (unpriced, &system.budgets.unknown_price) {
        (0, _) => findings.ok("prices", "every model has a price"),
        (count, UnknownPriceSetting::Refuse) => {
            findings.warn(
                "prices",
                format!("{count} models without a price are never chosen (budgets.unknown_price: refuse)"),
            );
        }
        (count, UnknownPriceSetting::Free) => {
            findings.warn(
                "prices",
                format!("{count} models without a price count as free: budgets do not see what they cost"),
            );
        }
        (count, UnknownPriceSetting::Assume(_)) => {
            findings.ok("prices", format!("{count} models without a price are booked at the assumed one"));
        }
    }
}

fn needs_key(auth: crate::config::objects::AuthStyle) -> bool {
    auth != crate::config::objects::AuthStyle::None
}

/// The host of an authority with or without a port.
fn host_of(rest: &str) -> &str {
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn folder(install: &Install, findings: &mut Findings) {
    let path = &install.data_dir;
    if !path.is_dir() {
        findings.warn("data folder", format!("{} is not there yet; the first start makes it", path.display()));
        return;
    }
    private(path, "data folder", 0o700, findings);
    let spool = path.join("spool");
    let bytes: u64 = files(&spool).map(|(_, length)| length).sum();
    if bytes > LARGE_SPOOL {
        let text = format!("{} MiB wait for the database; does it answer?", bytes >> 20);
        findings.warn("spool", text);
    } else {
        findings.ok("spool", format!("{} KiB", bytes.div_ceil(1024)));
    }
    let set_apart = files(&spool.join("quarantine")).count();
    if set_apart > 0 {
        let text = format!("{set_apart} damaged or refused records are in spool/quarantine: their cost may be missing");
        findings.bad("spool", text);
    }
}

/// Files of a folder with their lengths; none if there is no such folder. Room that is kept free does not count.
fn files(folder: &Path) -> impl Iterator<Item = (String, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        (!name.contains("headroom")).then_some((name, meta.len()))
    })
}

/// Nobody but the owner may read it.
fn private(path: &Path, what: &'static str, right: u32, findings: &mut Findings) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        match fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777) {
            Ok(mode) if mode & 0o077 == 0 => {
                findings.ok(what, format!("{} is private (mode {mode:03o})", path.display()))
            }
            Ok(mode) => {
                let text = format!("{0} can be read by others (mode {mode:03o}): chmod {right:o} {0}", path.display());
                findings.bad(what, text);
            }
            Err(error) => findings.bad(what, format!("{}: {error}", path.display())),
        }
    }
    #[cfg(not(unix))]
    findings
        .ok(what, format!("{} (permissions are not checked on this system; mode {right:o} is meant)", path.display()));
}

fn master_key(install: &Install, is_sqlite: bool, findings: &mut Findings) {
    let path = install.data_dir.join("master.key");
    if install.env.get(MASTER_KEY).is_some_and(|text| !text.is_empty()) {
        findings.ok("master key", format!("given in {MASTER_KEY}"));
    } else if path.exists() {
        private(&path, "master key", 0o600, findings);
    } else if is_sqlite {
        findings.warn("master key", "there is none yet; the first start makes it");
    } else {
        findings.bad("master key", format!("{MASTER_KEY} is required with PostgreSQL"));
    }
}

async fn database(install: &Install, loaded: &Loaded, findings: &mut Findings) {
    let store = match install.open(loaded).await {
        Ok(store) => store,
        Err(failed) => return findings.bad("database", failed.message),
    };
    let checked = look_into(&store, findings).await;
    store.close().await;
    if let Err(error) = checked {
        let remedy = match error.kind() {
            StoreErrorKind::DatabaseOlder => String::new(),
            StoreErrorKind::Unavailable => ": is it running, and reachable from here?".to_owned(),
            _ => String::new(),
        };
        findings.bad("database", format!("{error}{remedy}"));
    }
}

async fn look_into(store: &Store, findings: &mut Findings) -> router_store::StoreResult<()> {
    store.require_current_schema().await?;
    findings.ok("database", format!("{:?} answers, its schema is up to date", store.engine()));
    let differences = store.budget_differences().await?.len();
    if differences > 0 {
        findings.bad("books", format!("{differences} budgets differ from the sum of their ledger"));
    } else {
        findings.ok("books", "counters agree with the ledger");
    }
    let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
    let keys = store.client_keys(false).await?;
    let valid: Vec<_> = keys.iter().filter(|key| key.spec.expires_at.is_none_or(|end| end > now_ms)).collect();
    match valid.iter().filter(|key| key.spec.role == Role::Admin).count() {
        0 => findings
            .bad("admin keys", "there is no valid admin key: smart-ai-router key create --name admin --role admin"),
        count => findings.ok("admin keys", format!("{count}")),
    }
    let open = valid.iter().filter(|key| {
        key.spec.role == Role::User && key.spec.daily_budget_nano.is_none() && key.spec.monthly_budget_nano.is_none()
    });
    let open = open.map(|key| format!("the key {} may spend without limit: it has no budget", key.spec.name));
    findings.each("budgets", open.collect(), "every user's key has a budget");
    let expired = keys.len() - valid.len();
    if expired > 0 {
        findings.warn("expired keys", format!("{expired} keys have expired; revoke what is not needed"));
    }
    Ok(())
}

fn clock(now_ms: u64, findings: &mut Findings) {
    if now_ms < EARLIEST_MS {
        findings.bad("clock", "this machine's clock is years behind: budgets turn over by it");
    } else {
        findings.ok("clock", "plausible");
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_urls() {
        for (rest, host) in
            [("127.0.0.1:8001/v1", "127.0.0.1"), ("[::1]:80/", "::1"), ("example.com", "example.com"), ("a:1", "a")]
        {
            assert_eq!(host_of(rest), host, "{rest}");
        }
    }

    #[test]
    fn a_clock_before_the_program_is_wrong() {
        for (now, verdict) in [(0, Verdict::Bad), (EARLIEST_MS - 1, Verdict::Bad), (EARLIEST_MS, Verdict::Ok)] {
            let mut findings = Findings::default();
            clock(now, &mut findings);
            assert_eq!(findings.0.first().map(|(found, ..)| *found), Some(verdict), "{now}");
        }
    }
}
