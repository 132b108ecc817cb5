//! What was asked for, in little room beside a stored decision: with it the decision can be taken anew under another policy.
//!
//! `"i":[needs,input tokens,their bound,limit on output or null,answers]`; and only where the request had wishes
//! `"w":{"m":[models],"p":{provider},"s":strategy,"g":[tags],"c":most nano-USD,
//! "t":service tier}`. What the row holds beside the decision (model,
//! endpoint, stream, client key) is not said twice.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::{Ask, Endpoint};
use crate::catalog::Capabilities;
use crate::money::Nano;
use crate::routing::reason::Reason;
use crate::routing::recompute::NotRecomputable;
use crate::usage::ServiceTier;
use crate::wish::ProviderWish;

/// What few requests have.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Wishes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Box<ProviderWish>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    g: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<Nano>,
    #[serde(skip_serializing_if = "ServiceTier::is_standard")]
    t: ServiceTier,
}

#[derive(Deserialize)]
struct Written {
    i: Option<(u32, u64, u64, Option<u64>, u64)>,
    w: Option<Wishes>,
    k: Option<u64>,
    q: Option<u64>,
    #[serde(default)]
    c: Vec<Vec<Value>>,
}

/// What a stored decision says of its request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What was asked for. Where its session's prompt was cached is not part of it.
    pub ask: Ask,
    /// Number of the request among those for the same target.
    pub sequence: u64,
    /// Channel and model that were put first, if anybody was.
    pub first: Option<(String, String)>,
    /// Whether it could go to one channel only, since that keeps state that it builds on.
    pub is_pinned: bool,
}

/// Appends what was asked for, with a comma behind it.
pub(super) fn write(ask: &Ask, out: &mut String) {
    out.push_str("\"i\":[");
    let numbers = [u64::from(ask.needs.bits()), ask.input_tokens, ask.input_tokens_bound];
    for number in numbers {
        super::compact::integer(out, number);
        out.push(',');
    }
    match ask.max_output_tokens {
        Some(most) => super::compact::integer(out, most),
        None => out.push_str("null"),
    }
    out.push(',');
    super::compact::integer(out, ask.answers);
    out.push_str("],");
    let plain = ask.models.is_empty() && ask.provider.is_none() && ask.strategy.is_none() && ask.tags.is_empty();
    if plain && ask.max_cost.is_none() && ask.service.is_standard() {
        return;
    }
    let wishes = Wishes {
        m: ask.models.clone(),
        p: ask.provider.clone(),
        s: ask.strategy.clone(),
        g: ask.tags.clone(),
        c: ask.max_cost,
        t: ask.service,
    };
    if let Ok(text) = serde_json::to_string(&wishes) {
        out.push_str("\"w\":");
        out.push_str(&text);
        out.push(',');
    }
}

impl Asked {
    /// Reads a stored decision; `endpoint`, `model` and `stream` stand in the request's row.
    ///
    /// # Errors
    /// [`NotRecomputable`] for a text that is no decision, or that an older version wrote.
    pub fn read(decision: &str, endpoint: Endpoint, model: &str, stream: bool) -> Result<Self, NotRecomputable> {
        let written: Written = serde_json::from_str(decision).map_err(|_| NotRecomputable::Unreadable)?;
        let (needs, input_tokens, input_tokens_bound, max_output_tokens, answers) =
            written.i.ok_or(NotRecomputable::Older)?;
        let wishes = written.w.unwrap_or_default();
        let ask = Ask {
            endpoint,
            model: model.to_owned(),
            stream,
            needs: Capabilities::from_bits(needs),
            input_tokens,
            input_tokens_bound,
            body_bytes: 0,
            max_output_tokens,
            answers,
            service: wishes.t,
            max_cost: wishes.c,
            models: wishes.m,
            provider: wishes.p,
            strategy: wishes.s,
            tags: wishes.g,
            session: written.k,
            held: None,
        };
        let verdict = |candidate: &Vec<Value>| candidate.get(2).cloned().unwrap_or_default();
        let first = written.c.first().filter(|first| verdict(first).is_number());
        let text = |candidate: &Vec<Value>, place: usize| candidate.get(place)?.as_str().map(str::to_owned);
        Ok(Self {
            ask,
            sequence: written.q.unwrap_or(0),
            first: first.and_then(|first| Some((text(first, 0)?, text(first, 1)?))),
            is_pinned: written.c.iter().any(|candidate| verdict(candidate) == Reason::PinnedElsewhere.as_code()),
        })
    }
}
