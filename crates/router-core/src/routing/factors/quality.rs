//! What a candidate is able to do, as the catalogue says.

use super::{Factor, FactorRef, Origin, View};

pub(super) const QUALITY_SCORE: Factor = Factor {
    name: "quality_score",
    doc: "scores.quality, 0…1",
    descending: true,
    origin: Origin::Catalogue,
    raw: |view| view.model.facts.quality,
};

pub(super) const CAPABILITY_MATCH: Factor = Factor {
    name: "capability_match",
    doc: "share of the group's optional_capabilities that it has, 0…1; 1 where there are none",
    descending: true,
    origin: Origin::Catalogue,
    raw: |view| match view.optional.len() {
        0 => 1.0,
        wanted => f64::from(view.model.capabilities.intersection(view.optional).len()) / f64::from(wanted),
    },
};

pub(super) const CONTEXT_LENGTH: Factor = Factor {
    name: "context_length",
    doc: "tokens of input and output together",
    descending: true,
    origin: Origin::Catalogue,
    raw: |view| view.model.facts.context_length,
};

pub(super) const PARAMETER_COUNT: Factor = Factor {
    name: "parameter_count",
    doc: "parameters of the model in billions",
    descending: true,
    origin: Origin::Catalogue,
    raw: |view| view.model.facts.parameter_count,
};

/// `quality_score`, overridden or not.
pub(crate) fn quality(view: &View<'_>) -> f64 {
    view.overridden(FactorRef::quality()).unwrap_or(view.model.facts.quality)
}
