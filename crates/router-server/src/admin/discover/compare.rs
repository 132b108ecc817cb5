//! What a provider has against what a channel has. Only what the list says counts: its silence is no change.

use router_core::catalog::{Channel, ChannelModel, ModelIx, Snapshot};
use router_core::pricing::{Price, Rate};
use router_wire::lists::Listed;
use serde_json::{Value, json};

use super::ask::Found;
use super::price;

/// How a model of the list stands to the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    New,
    Changed,
    Same,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Same => "same",
        }
    }
}

/// What differs between a model of the channel and the list.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) model: &'a str,
    pub(super) field: &'static str,
    pub(super) ours: Value,
    pub(super) theirs: Value,
}

/// A model of the list.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) state: State,
    /// Names under which the channel has it.
    pub(super) names: Vec<&'a str>,
    pub(super) changes: Vec<Change<'a>>,
}

/// The whole comparison.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    /// In the order of the list.
    pub(super) models: Vec<Row<'a>>,
    /// What the channel has and a complete list has not.
    pub(super) gone: Vec<&'a ChannelModel>,
}

impl Compared<'_> {
    pub(super) fn count(&self, state: State) -> usize {
        self.models.iter().filter(|row| row.state == state).count()
    }
}

/// Compares.
pub(super) fn compare<'a>(core: &'a Snapshot, channel: &Channel, found: &Found) -> Compared<'a> {
    let ours: Vec<&ChannelModel> = channel.models.clone().filter_map(|ix| core.model(ModelIx(ix))).collect();
    let mut kept = vec![false; ours.len()];
    let rows = found.models.iter().map(|listed| {
        let mut row = Row { state: State::New, names: Vec::new(), changes: Vec::new() };
        for (model, kept) in ours.iter().zip(&mut kept) {
            if found.family.is_same(&listed.id, &model.upstream_name) {
                *kept = true;
                row.names.push(&model.name);
                row.changes.extend(changes(model, listed));
            }
        }
        if !row.names.is_empty() {
            row.state = if row.changes.is_empty() { State::Same } else { State::Changed };
        }
        row
    });
    let models = rows.collect();
    let gone = ours.into_iter().zip(kept).filter(|(_, kept)| found.complete && !kept).map(|(model, _)| model);
    Compared { gone: gone.collect(), models }
}

fn changes<'a>(model: &'a ChannelModel, listed: &Listed) -> Vec<Change<'a>> {
    let change = |field, ours, theirs| Change { model: &model.name, field, ours, theirs };
    let mut changes = Vec::new();
    for (field, ours, theirs) in [
        ("context_length", model.context_length, listed.context_length),
        ("max_output_tokens", model.max_output_tokens, listed.max_output_tokens),
    ] {
        if theirs.is_some() && ours != theirs {
            changes.push(change(field, json!(ours), json!(theirs)));
        }
    }
    if let Some(theirs) =
        listed.price.as_ref().filter(|theirs| !model.price.as_ref().is_some_and(|ours| agrees(ours, theirs)))
    {
        changes.push(change("price", json!(model.price.as_ref().map(price)), price(theirs)));
    }
    let ours = model.capabilities;
    let theirs = ours.union(listed.can).minus(listed.cannot);
    if theirs != ours {
        let names = |set: router_core::catalog::Capabilities| json!(set.names().collect::<Vec<_>>());
        changes.push(change("capabilities", names(ours), names(theirs)));
    }
    changes
}

/// Whether our price says all that theirs says. What has no price of its own costs what its rule says.
fn agrees(ours: &Price, theirs: &Price) -> bool {
    let same = |theirs: Option<Rate>, ours: Option<Rate>, rule: Rate| {
        theirs.is_none_or(|theirs| theirs == ours.unwrap_or(rule))
    };
    (ours.input, ours.output, ours.per_request) == (theirs.input, theirs.output, theirs.per_request)
        && same(theirs.cached_input, ours.cached_input, ours.input)
        && same(theirs.cache_write, ours.cache_write, ours.input)
        && same(theirs.reasoning, ours.reasoning, ours.output)
        && same(theirs.audio_input, ours.audio_input, ours.input)
        && (theirs.tiers.is_empty() || agree_above(ours, theirs))
}

fn agree_above(ours: &Price, theirs: &Price) -> bool {
    let rates = |price: &Price| -> Vec<(u64, Rate, Rate)> {
        price.tiers.iter().map(|tier| (tier.above_tokens, tier.input, tier.output)).collect()
    };
    rates(ours) == rates(theirs)
}
