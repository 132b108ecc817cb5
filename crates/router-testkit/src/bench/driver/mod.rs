//! The benchmark driver: direct upstream, nginx, minimal proxy and router, measured in one run in interleaved rounds.

mod facts;
mod report;
mod scenario;
mod target;

use super::Failure;
use super::args::Args;
use super::load::Load;
use super::process::{Running, free_address};
use report::{Results, Sample};
use scenario::{SCENARIOS, Scenario, Seconds};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use target::Target;

/// The options of `bench`.
pub const OPTIONS: [&str; 5] = ["router", "out", "rounds", "model", "nginx"];
/// The switches of `bench`.
pub const SWITCHES: [&str; 1] = ["quick"];

/// What to measure, and where to write.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The router's binary; when it is missing the others are measured all the same.
    pub router: PathBuf,
    /// Where the report goes.
    pub out: PathBuf,
    /// Rounds; the report gives medians over them.
    pub rounds: usize,
    /// Short rounds, for trying the driver itself.
    pub quick: bool,
    /// The model (or group) asked of the router.
    pub model: String,
    /// The nginx program.
    pub nginx: String,
}

impl Settings {
    /// The settings that the command line asks for.
    ///
    /// # Errors
    /// Values that do not parse.
    pub fn from_args(args: &Args) -> Result<Self, Failure> {
        Ok(Self {
            router: args.text("router").unwrap_or("target/release/smart-ai-router").into(),
            out: args.text("out").unwrap_or("PERFORMANCE.md").into(),
            rounds: args.get("rounds", 3_usize)?.max(1),
            quick: args.has("quick"),
            model: args.text("model").unwrap_or("bench-model-042").to_owned(),
            nginx: args.text("nginx").unwrap_or("nginx").to_owned(),
        })
    }
}

/// Measures everything and writes the report; `say` is told the progress.
///
/// # Errors
/// When the upstream or the minimal proxy cannot be started, or files cannot be written. A missing nginx or router is
/// said in the report.
pub fn run(settings: &Settings, say: &dyn Fn(&str)) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("smart-ai-router-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = measure(settings, &folder, say);
    fs::remove_dir_all(&folder)?;
    fs::write(&settings.out, report::markdown(settings, &measured?))?;
    say(&format!("wrote {}", settings.out.display()));
    Ok(())
}

fn measure(settings: &Settings, folder: &Path, say: &dyn Fn(&str)) -> Result<Results, Failure> {
    let upstream = free_address()?;
    let _running: Running = target::upstream(folder, upstream)?;
    let mut results = Results::default();
    let mut targets = vec![Target::direct(upstream)];
    for started in [
        target::nginx(&settings.nginx, folder, upstream),
        target::mini_proxy(folder, upstream),
        target::router(&settings.router, &settings.model, folder, upstream),
    ] {
        match started {
            Ok(target) => targets.push(target),
            Err(missing) => {
                say(&format!("not measured: {missing}"));
                results.missing.push(missing.to_string());
            }
        }
    }
    for target in &targets {
        if let Some(process) = &target.process {
            process.settle();
            results.idle_memory.push((target.name, process.memory()));
        }
        warm_up(target)?;
    }
    let seconds = Seconds::of(settings.quick);
    for round in 0..settings.rounds {
        for scenario in &SCENARIOS {
            set_pace(upstream, scenario)?;
            // Each round begins with another target, so that none always follows the same neighbour.
            for offset in 0..targets.len() {
                let Some(target) = targets.get((round + offset) % targets.len()) else { continue };
                let sample = sample(target, scenario, seconds)?;
                say(&format!("round {}/{}: {}: {}: {sample}", round + 1, settings.rounds, scenario.name, target.name));
                results.samples.push((scenario.name, target.name, round, sample));
            }
        }
    }
    Ok(results)
}

/// A short load of both kinds, so that pools, caches and branch predictors are warm for everyone.
fn warm_up(target: &Target) -> Result<(), Failure> {
    for scenario in SCENARIOS.iter().take(2) {
        let report = load(target, scenario, Seconds::of(true))?.run()?;
        if report.completed() == 0 {
            let output = target.process.as_ref().map(Running::output).unwrap_or_default();
            return Err(format!("{} answers nothing: {report}\n{output}", target.name).into());
        }
    }
    Ok(())
}

fn load(target: &Target, scenario: &Scenario, seconds: Seconds) -> Result<Load, Failure> {
    let headers: Vec<&str> = target.headers.iter().map(String::as_str).collect();
    let mut load = Load::chat(&target.url, &target.model, scenario.stream, &headers)?;
    load.connections = scenario.connections;
    load.until = scenario.until(seconds);
    Ok(load)
}

fn sample(target: &Target, scenario: &Scenario, seconds: Seconds) -> Result<Sample, Failure> {
    let load = load(target, scenario, seconds)?;
    let process = target.process.as_ref();
    if let Some(process) = process {
        process.reset_peak();
    }
    let before = process.map(Running::cpu);
    let report = load.run()?;
    let cpu = process.zip(before).map(|(process, before)| {
        process.settle();
        process.cpu() - before
    });
    Ok(Sample::new(&report, cpu, process.map(Running::peak_memory)))
}

/// Tells the running upstream how fast to answer.
fn set_pace(upstream: SocketAddr, scenario: &Scenario) -> Result<(), Failure> {
    let request = format!(
        "GET /__set?delay_ms={}&event_gap_ms={} HTTP/1.1\r\nhost: upstream\r\n\r\n",
        scenario.delay_ms, scenario.event_gap_ms
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let response = runtime.block_on(async {
        let mut link = crate::http1::Link::connect(upstream).await?;
        link.exchange(request.as_bytes()).await
    })?;
    if response.status() == 200 { Ok(()) } else { Err(response.text().into()) }
}
