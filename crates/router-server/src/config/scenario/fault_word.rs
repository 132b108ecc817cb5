//! Words for what faults do.

use std::borrow::Cow;

use router_core::fault::{FaultKind, RULES};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::config::decode::{Decode, Faults, decode_word};
use crate::config::node::{Node, Path};

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultWord {
    /// No answer ever.
    Hang,
    /// A stream falls silent.
    Stall,
    /// The attempt fails so.
    Kind(FaultKind),
}

impl FaultWord {
    /// Faults that come from a provider; the others come from our own clocks and walls.
    fn words() -> Vec<&'static str> {
        const OURS: [FaultKind; 7] = [
            FaultKind::FirstByteTimeout,
            FaultKind::IdleTimeout,
            FaultKind::TotalTimeout,
            FaultKind::EgressDenied,
            FaultKind::BreakerOpen,
            FaultKind::Loop,
            FaultKind::Internal,
        ];
        let theirs = RULES.iter().filter(|rule| !OURS.contains(&rule.kind)).map(|rule| rule.class);
        ["hang", "stall"].into_iter().chain(theirs).collect()
    }
}

impl Decode for FaultWord {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        match decode_word(node, path, faults, &Self::words())? {
            "hang" => Some(Self::Hang),
            "stall" => Some(Self::Stall),
            class => RULES.iter().find(|rule| rule.class == class).map(|rule| Self::Kind(rule.kind)),
        }
    }
}

impl Serialize for FaultWord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Hang => "hang",
            Self::Stall => "stall",
            Self::Kind(kind) => kind.class(),
        })
    }
}

impl JsonSchema for FaultWord {
    fn schema_name() -> Cow<'static, str> {
        "FaultWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::words() })
    }
}
