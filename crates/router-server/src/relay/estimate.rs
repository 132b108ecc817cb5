//! `POST /v1/estimate`: what a request would cost at each candidate, before it is made. No call goes out and nothing is booked.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use router_core::money::Nano;
use router_core::pricing::{expected, upper_bound_as};
use router_core::routing::USUAL_OUTPUT_TOKENS;
use serde::Serialize;

use super::admit::Job;
use super::count::Counts;
use crate::http::body::Body;

/// Candidates that are shown.
const MOST: usize = 64;

#[derive(Serialize)]
struct Estimate<'a> {
    object: &'static str,
    model: &'a str,
    group: Option<&'a str>,
    /// Our count of the input for the candidate that would be tried first, and what no provider's count exceeds.
    input_tokens: u64,
    input_tokens_bound: u64,
    /// Of the candidate that would be tried first.
    expected_cost_usd: Option<String>,
    /// Of the dearest candidate: no single attempt costs more.
    upper_bound_cost_usd: Option<String>,
    candidates: Vec<Candidate<'a>>,
}

#[derive(Serialize)]
struct Candidate<'a> {
    channel: &'a str,
    provider: &'a str,
    model: &'a str,
    upstream_model: &'a str,
    /// By the model's tokenizer where that is public, else from the characters.
    input_tokens: u64,
    input_tokens_by: &'static str,
    output_tokens_expected: u64,
    output_tokens_bound: u64,
    /// Dollars; `null` where the price is unknown.
    expected_cost_usd: Option<String>,
    upper_bound_cost_usd: Option<String>,
}

/// The answer. Takes the job's books out of use: an estimate is no request.
pub(super) async fn page(mut job: Box<Job>) -> Response<Body> {
    job.book.discard();
    let (core, ask) = (&job.snapshot.core, &job.intake.ask);
    let mut counts = Counts::new(&job);
    let mut dearest: Option<Nano> = None;
    let mut candidates = Vec::new();
    for candidate in job.decision.ranked().take(MOST) {
        let Some((model, channel)) = core.model_and_channel(candidate.model) else { continue };
        let counted = counts.of(Some(candidate.model)).await;
        let input = counted.unwrap_or(ask.input_tokens);
        let bound = core.output_bound(candidate.model, ask);
        let usual = bound.min(USUAL_OUTPUT_TOKENS).saturating_mul(ask.answers);
        let price = core.price(candidate.model);
        let most = price.map(|price| upper_bound_as(price, ask.service, ask.input_tokens_bound, bound, ask.answers));
        dearest = dearest.max(most);
        candidates.push(Candidate {
            channel: &channel.name,
            provider: &channel.provider,
            model: &model.name,
            upstream_model: &model.upstream_name,
            input_tokens: input,
            input_tokens_by: if counted.is_some() { "tokenizer" } else { "characters" },
            output_tokens_expected: usual,
            output_tokens_bound: bound.saturating_mul(ask.answers),
            expected_cost_usd: price.map(|price| expected(price.of(ask.service), input, usual).to_string()),
            upper_bound_cost_usd: most.map(|amount| amount.to_string()),
        });
    }
    let group = job.decision.tiers.first().and_then(|tier| core.group(tier.group?));
    let estimate = Estimate {
        object: "estimate",
        model: &ask.model,
        group: group.map(|group| &*group.name),
        input_tokens: candidates.first().map_or(ask.input_tokens, |first| first.input_tokens),
        input_tokens_bound: ask.input_tokens_bound,
        expected_cost_usd: candidates.first().and_then(|first| first.expected_cost_usd.clone()),
        upper_bound_cost_usd: dearest.map(|amount| amount.to_string()),
        candidates,
    };
    let mut response = Response::new(Body::from(serde_json::to_string(&estimate).unwrap_or_default()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
