//! From tree to typed values. Decoding never stops at a fault: the fault is noted, the default stands in,
//! and whoever loads refuses the whole at the end. So all faults are told at once.
//!
//! [`section!`], [`entry!`] and [`choice!`] declare a struct or enum once and make from it the type, its
//! decoder, its defaults and its JSON schema.

use std::collections::BTreeMap;

use super::node::{Key, Node, Path, ScalarKind, Value};
use super::problem::Problem;
use super::suggest::{allowed_words, nearest};

/// Collects faults while decoding and checking.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// What was found so far.
    pub(super) found: Vec<Problem>,
    /// Places in lists whose items could not be decoded and were left out, by the list's path. Whoever checks
    /// what was decoded counts without them.
    left_out: BTreeMap<String, Vec<usize>>,
}

impl From<Vec<Problem>> for Faults {
    fn from(found: Vec<Problem>) -> Self {
        Self { found, left_out: BTreeMap::new() }
    }
}

impl Faults {
    /// Notes a fault at a node.
    pub(super) fn at(&mut self, node: &Node, path: &Path, message: impl Into<String>) {
        if node.value != Value::Faulty {
            self.found.push(Problem { pos: node.pos.clone(), field: path.to_string(), message: message.into() });
        }
    }

    /// Notes a fault at what `path` names among the decoded values. Silent where the field, or something in it,
    /// was found faulty before: the first fault is the one to mend.
    pub(super) fn place(&mut self, tree: &Node, path: &Path, message: impl Into<String>) {
        let path = path.written(&self.left_out);
        let field = path.to_string();
        let within = |known: &Problem| {
            known.field.strip_prefix(&field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if !self.found.iter().any(within) {
            self.found.push(Problem { pos: tree.place(&path), field, message: message.into() });
        }
    }

    /// Whether items of the list of that path were left out.
    pub(super) fn incomplete(&self, path: &str) -> bool {
        self.left_out.contains_key(path)
    }

    /// The entries of a map; unknown keys are noted (unless `allowed` is empty: any key may stand there).
    pub(super) fn map<'a>(&mut self, node: &'a Node, path: &Path, allowed: &[&str]) -> Option<&'a [(Key, Node)]> {
        let Value::Map(entries) = &node.value else {
            self.at(node, path, format!("expected a map{}", hint(allowed)));
            return None;
        };
        for (key, _) in entries {
            if !allowed.is_empty() && !allowed.contains(&key.name.as_str()) {
                self.found.push(Problem {
                    pos: key.pos.clone(),
                    field: path.key(&key.name).to_string(),
                    message: format!("unknown key; {}", allowed_words(&key.name, allowed)),
                });
            }
        }
        Some(entries)
    }

    /// The decoded field, over its default. Absent and `null` mean the default.
    pub(super) fn field<T: Decode + Clone>(&mut self, entries: &[(Key, Node)], name: &str, path: &Path, base: T) -> T {
        match find(entries, name) {
            Some(node) if !node.is_null() => T::decode_over(base.clone(), node, &path.key(name), self).unwrap_or(base),
            _ => base,
        }
    }

    /// The decoded field; its absence is a fault.
    pub(super) fn required<T: Decode>(
        &mut self,
        entries: &[(Key, Node)],
        name: &str,
        node: &Node,
        path: &Path,
    ) -> Option<T> {
        match find(entries, name) {
            Some(found) if !found.is_null() => T::decode(found, &path.key(name), self),
            _ => {
                self.at(node, &path.key(name), "missing, but required");
                None
            }
        }
    }
}

fn hint(allowed: &[&str]) -> String {
    match allowed {
        [] => String::new(),
        keys => format!(" with the keys {}", keys.join(", ")),
    }
}

fn find<'a>(entries: &'a [(Key, Node)], name: &str) -> Option<&'a Node> {
    entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}

/// A type that can be read from a node.
pub(super) trait Decode: Sized {
    /// Reads it; `None` after noting why not.
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self>;

    /// Reads it over a default that differs from the type's own (the jobs each have theirs).
    fn decode_over(_base: Self, node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        Self::decode(node, path, faults)
    }
}

/// Reads a scalar through `parse`, whose error is the message; lists and maps are faults.
pub(super) fn decode_scalar<T>(
    node: &Node,
    path: &Path,
    faults: &mut Faults,
    expected: &str,
    parse: impl FnOnce(&str, ScalarKind) -> Option<T>,
) -> Option<T> {
    let Value::Scalar(scalar) = &node.value else {
        faults.at(node, path, format!("expected {expected}"));
        return None;
    };
    let parsed = parse(&scalar.text, scalar.kind);
    if parsed.is_none() {
        faults.at(node, path, format!("{} is not {expected}", scalar.shown()));
    }
    parsed
}

impl Decode for bool {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        decode_scalar(node, path, faults, "`true` or `false`", |text, kind| match (text, kind) {
            (_, ScalarKind::Text | ScalarKind::Number) => None,
            ("true" | "True" | "TRUE", _) => Some(true),
            ("false" | "False" | "FALSE", _) => Some(false),
            _ => None,
        })
    }
}

impl Decode for String {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        decode_scalar(node, path, faults, "a text", |text, _| Some(text.to_owned()))
    }
}

macro_rules! decode_integer {
    ($($type:ty),+) => { $(
        impl Decode for $type {
            fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
                let expected = format!("a whole number from 0 to {}", <$type>::MAX);
                decode_scalar(node, path, faults, &expected, |text, _| text.replace('_', "").parse().ok())
            }
        }
    )+ };
}
decode_integer!(u16, u32, u64);

impl Decode for f64 {
    /// Finite numbers ≥ 0 only: every fraction, weight and score of a configuration is one.
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        decode_scalar(node, path, faults, "a finite number ≥ 0", |text, _| {
            text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
        })
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        if node.is_null() { Some(None) } else { T::decode(node, path, faults).map(Some) }
    }

    fn decode_over(base: Self, node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        match base {
            Some(base) if !node.is_null() => T::decode_over(base, node, path, faults).map(Some),
            _ => Self::decode(node, path, faults),
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    /// A list; a scalar from the environment is split at commas.
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::List(items) => {
                let mut decoded = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    match T::decode(item, &path.index(index), faults) {
                        Some(value) => decoded.push(value),
                        None => faults.left_out.entry(path.to_string()).or_default().push(index),
                    }
                }
                Some(decoded)
            }
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Untyped => {
                let parts = scalar.text.split(',').map(str::trim).filter(|part| !part.is_empty());
                let items = parts.map(|part| {
                    let mut scalar = scalar.clone();
                    part.clone_into(&mut scalar.text);
                    Node { pos: node.pos.clone(), value: Value::Scalar(scalar) }
                });
                Some(items.enumerate().filter_map(|(i, item)| T::decode(&item, &path.index(i), faults)).collect())
            }
            _ => {
                faults.at(node, path, "expected a list");
                None
            }
        }
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        let entries = faults.map(node, path, &[])?;
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            if let Some(value) = T::decode(value, &path.key(&key.name), faults) {
                map.insert(key.name.clone(), value);
            }
        }
        Some(map)
    }

    fn decode_over(mut base: Self, node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        base.append(&mut Self::decode(node, path, faults)?);
        Some(base)
    }
}

/// One of a fixed list of words.
pub(super) fn decode_word<'a>(node: &Node, path: &Path, faults: &mut Faults, words: &[&'a str]) -> Option<&'a str> {
    let Value::Scalar(scalar) = &node.value else {
        faults.at(node, path, format!("expected one of {}", words.join(", ")));
        return None;
    };
    let found = words.iter().find(|word| **word == scalar.text).copied();
    if found.is_none() {
        let meant = nearest(&scalar.text, words.iter().copied()).filter(|_| !scalar.from_environment);
        let meant = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        faults.at(node, path, format!("{} is not allowed; allowed: {}{meant}", scalar.shown(), words.join(", ")));
    }
    found
}

/// Writes the default of a field into the schema of its struct.
pub(super) fn set_default<T: serde::Serialize>(schema: &mut schemars::Schema, field: &str, default: &T) {
    let property = schema.get_mut("properties").and_then(|properties| properties.get_mut(field));
    if let (Some(serde_json::Value::Object(property)), Ok(default)) = (property, serde_json::to_value(default)) {
        property.insert("default".to_owned(), default);
    }
}

/// A struct whose every field has a default.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* $field:ident : $type:ty = $default:expr ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $( $(#[$field_meta])* pub $field: $type ),+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default ),+ }
            }
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(
                node: &$crate::config::node::Node,
                path: &$crate::config::node::Path,
                faults: &mut $crate::config::decode::Faults,
            ) -> Option<Self> {
                Self::decode_over(Self::default(), node, path, faults)
            }

            fn decode_over(
                base: Self,
                node: &$crate::config::node::Node,
                path: &$crate::config::node::Path,
                faults: &mut $crate::config::decode::Faults,
            ) -> Option<Self> {
                let entries = faults.map(node, path, &[$( stringify!($field) ),+])?;
                Some(Self { $( $field: faults.field(entries, stringify!($field), path, base.$field) ),+ })
            }
        }
    };
}

/// A struct of which some fields have to be given (`name: String,`) and others have defaults (`x: u32 = 1,`).
macro_rules! entry {
    ($(#[$meta:meta])* pub struct $name:ident {
        required { $( $(#[$required_meta:meta])* $required:ident : $required_type:ty ),+ $(,)? }
        optional { $( $(#[$field_meta:meta])* $field:ident : $type:ty = $default:expr ),* $(,)? }
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(transform = |schema: &mut schemars::Schema| {
            schema.insert("required".to_owned(), serde_json::json!([$( stringify!($required) ),+]));
            $( $crate::config::decode::set_default::<$type>(schema, stringify!($field), &$default); )*
        })]
        pub struct $name {
            $( $(#[$required_meta])* pub $required: $required_type, )+
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(
                node: &$crate::config::node::Node,
                path: &$crate::config::node::Path,
                faults: &mut $crate::config::decode::Faults,
            ) -> Option<Self> {
                let entries = faults.map(node, path, &[$( stringify!($required), )+ $( stringify!($field) ),*])?;
                $( let $required = faults.required(entries, stringify!($required), node, path); )+
                $( let $field = faults.field(entries, stringify!($field), path, $default); )*
                Some(Self { $( $required: $required?, )+ $( $field, )* })
            }
        }
    };
}

/// An enum of words.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $text:literal ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        pub enum $name { $( $(#[$variant_meta])* #[serde(rename = $text)] $variant ),+ }

        impl $name {
            /// The word as it stands in files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(
                node: &$crate::config::node::Node,
                path: &$crate::config::node::Path,
                faults: &mut $crate::config::decode::Faults,
            ) -> Option<Self> {
                let word = $crate::config::decode::decode_word(node, path, faults, &[$( $text ),+])?;
                match word { $( $text => Some(Self::$variant), )+ _ => None }
            }
        }
    };
}

pub(in crate::config) use {choice, entry, section};
