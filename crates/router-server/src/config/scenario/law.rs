//! Laws of chance, as scenarios write them.

use std::borrow::Cow;

use router_core::rehearsal::Law;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::config::decode::{Decode, Faults, decode_scalar, section};
use crate::config::node::{Node, Path, Value};

section! {
    /// The numbers of a law.
    pub struct Spread {
        /// The least.
        min: Option<f64> = None,
        /// The most.
        max: Option<f64> = None,
        /// Half are below.
        median: Option<f64> = None,
        /// Spread of the logarithm.
        sigma: Option<f64> = None,
        /// How light the tail is.
        shape: Option<f64> = None,
    }
}

/// A law of chance: a number, or `uniform: { min, max }`, `lognormal: { median, sigma }`, `pareto: { min, shape }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LawEntry(pub Law);

const LAWS: [&str; 3] = ["uniform", "lognormal", "pareto"];

impl Decode for LawEntry {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        let expected =
            "a number ≥ 0, or one of uniform: { min, max }, lognormal: { median, sigma }, pareto: { min, shape }";
        let Value::Map(_) = &node.value else {
            let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
            return decode_scalar(node, path, faults, expected, |text, _| number(text)).map(|n| Self(Law::Constant(n)));
        };
        let entries = faults.map(node, path, &LAWS)?;
        let [(key, inner)] = entries else {
            faults.at(node, path, format!("expected {expected}"));
            return None;
        };
        let at = path.key(&key.name);
        let spread = Spread::decode(inner, &at, faults)?;
        let law = match (key.name.as_str(), spread) {
            ("uniform", Spread { min: Some(min), max: Some(max), median: None, sigma: None, shape: None })
                if min <= max =>
            {
                Law::Uniform { min, max }
            }
            ("lognormal", Spread { median: Some(median), sigma: Some(sigma), min: None, max: None, shape: None }) => {
                Law::Lognormal { median, sigma }
            }
            ("pareto", Spread { min: Some(min), shape: Some(shape), max: None, median: None, sigma: None })
                if shape > 0.0 =>
            {
                Law::Pareto { min, shape }
            }
            (name, _) if LAWS.contains(&name) => {
                let allowed = match name {
                    "uniform" => "min and max, the first not above the second",
                    "lognormal" => "median and sigma",
                    _ => "min and shape, the second above 0",
                };
                faults.at(inner, &at, format!("expected {allowed}, and nothing else"));
                return None;
            }
            _ => return None, // told as an unknown key
        };
        Some(Self(law))
    }
}

impl Serialize for LawEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl JsonSchema for LawEntry {
    fn schema_name() -> Cow<'static, str> {
        "Law".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "object"] })
    }
}
