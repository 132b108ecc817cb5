//! `explain`: the routing decision for a request, from the configuration alone: every candidate is taken as idle,
//! healthy and unobserved. For the decision with live state, ask the running router (`routing/explain`).

use std::collections::BTreeMap;
use std::io::Write;

use router_core::ask::Endpoint;
use router_core::catalog::Snapshot;
use router_core::fault::ErrorCode;
use router_core::routing::NoLive;
use serde_json::{Map, Value};

use super::args::ExplainArgs;
use super::install::{Install, block_on};
use super::{Exit, Failed};
use crate::admin::question::{Question, Unanswered};
use crate::clock::unix_ms;
use crate::config::Loaded;

/// Runs the command.
///
/// # Errors
/// Exit code 2 for a body that cannot be used, 1 for a model that is not there, with names that look alike.
pub fn run(
    args: &ExplainArgs,
    env: &BTreeMap<String, String>,
    out: &mut dyn Write,
    _err: &mut dyn Write,
) -> Result<Exit, Failed> {
    let loaded = load(args, env)?;
    let snapshot = Snapshot::build(loaded.catalog_spec(0, Vec::new())).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failed::new(Exit::Usage, lines.join("\n"))
    })?;
    let question = question(args)?;
    let explanation = question.answer(&snapshot, None, &NoLive, unix_ms()).map_err(unanswered)?;
    if args.json {
        let value =
            serde_json::to_value(&explanation).map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
        writeln!(out, "{value:#}")?;
    } else {
        write!(out, "{}", explanation.table())?;
    }
    Ok(Exit::Ok)
}

/// The configuration as the router here would have it: an installation that runs with `--demo` is explained with it.
fn load(args: &ExplainArgs, env: &BTreeMap<String, String>) -> Result<Loaded, Failed> {
    let install = Install::new(&args.install, env);
    let runs_demo = !install.named && install.instance.as_ref().is_some_and(|instance| instance.demo);
    let demo = args.demo || runs_demo;
    let loaded = install.load(demo, false)?;
    if demo && block_on(async { Ok(install.real_channel_seen(&loaded).await) })? {
        return install.load(true, true);
    }
    Ok(loaded)
}

fn question(args: &ExplainArgs) -> Result<Question, Failed> {
    let usage = |message: String| Failed::new(Exit::Usage, message);
    let mut request = match &args.body {
        None => Map::new(),
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(request)) => request,
                Ok(_) => return Err(usage(format!("{}: it must be a JSON object", path.display()))),
                Err(error) => return Err(usage(format!("{}: {error}", path.display()))),
            }
        }
    };
    request.insert("model".to_owned(), args.model.clone().into());
    let endpoint = match &request {
        request if request.contains_key("messages") => Endpoint::ChatCompletions,
        request if request.contains_key("prompt") => Endpoint::Completions,
        request if request.contains_key("input") => Endpoint::Embeddings,
        _ => Endpoint::ChatCompletions,
    };
    Question::of_request(endpoint, request).map_err(unanswered)
}

fn unanswered(unanswered: Unanswered) -> Failed {
    let exit = match &unanswered {
        Unanswered::Refused { code: ErrorCode::ModelNotFound, .. } | Unanswered::NotFound { .. } => Exit::Failure,
        Unanswered::Refused { .. } => Exit::Usage,
    };
    Failed::new(exit, unanswered.to_string())
}
