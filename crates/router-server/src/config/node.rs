//! A configuration as a tree whose every node knows where it was written. All sources (files, environment,
//! command line) become one tree; decoding and validation report places in it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A place in a source. `line` 0 means the source as a whole (an environment variable, a folder).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// File name as given, or `environment NAME`, `command line`, `built-in`.
    pub source: Arc<str>,
    /// From 1; 0 for the whole source.
    pub line: u32,
    /// From 1, in characters; 0 for the whole source.
    pub column: u32,
}

impl Pos {
    /// A source as a whole.
    #[must_use]
    pub fn whole(source: &str) -> Self {
        Self { source: source.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Already reported as faulty (a missing variable): nobody complains again.
    Faulty,
    /// A text, number or truth value, as written.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map in written order.
    Map(Vec<(Key, Node)>),
}

/// A scalar as text, so that numbers keep every digit.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text after interpolation.
    pub text: String,
    /// Whether YAML itself reads it as text, number or truth value.
    pub kind: ScalarKind,
    /// Made (partly) from the environment: never shown, since it may be a secret.
    pub from_environment: bool,
}

impl fmt::Debug for Scalar {
    /// Leaves the text out where it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar({})", self.shown())
    }
}

impl Scalar {
    /// The text in back quotes for a message, cut to a bearable length; hidden if it came from the environment.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.from_environment {
            return "the value from the environment".to_owned();
        }
        if looks_secret(&self.text) {
            return "the value (not shown: it looks like a secret)".to_owned();
        }
        match self.text.char_indices().nth(60) {
            Some((cut, _)) => format!("`{}…`", self.text.split_at(cut).0),
            None => format!("`{}`", self.text),
        }
    }
}

/// Whether a text has the looks of a key that was put at the wrong place: a known beginning, or long and without
/// the dots, slashes and blanks of addresses and sentences.
fn looks_secret(text: &str) -> bool {
    let beginnings = ["sk-", "sk_", "gsk_", "AIza", "Bearer ", "xai-", "pk-", "ghp_"];
    let opaque = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'=');
    beginnings.iter().any(|beginning| text.starts_with(beginning)) || (text.len() >= 32 && text.bytes().all(opaque))
}

/// How YAML reads a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// Quoted, or neither number nor truth value.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// From the environment: whatever its field wants.
    Untyped,
}

/// A key of a map with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub pos: Pos,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub pos: Pos,
    /// What it holds.
    pub value: Value,
}

impl Node {
    /// A map without entries.
    #[must_use]
    pub fn empty_map(pos: Pos) -> Self {
        Self { pos, value: Value::Map(Vec::new()) }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value of a key of this map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What `path` names.
    #[must_use]
    pub fn find(&self, path: &Path) -> Option<&Node> {
        path.0.iter().try_fold(self, |node, step| match (step, &node.value) {
            (Step::Key(name), _) => node.get(name),
            (Step::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        })
    }

    /// The path that a text such as `model_groups.auto:fast.channels[0]` means in this tree. Names may hold
    /// dots, so the longest key that fits is taken; what does not exist is left off.
    #[must_use]
    pub fn path_of(&self, text: &str) -> Path {
        let (mut node, mut path, mut rest) = (self, Path::default(), text);
        loop {
            let fits =
                |name: &str| rest.strip_prefix(name).filter(|tail| tail.is_empty() || tail.starts_with(['.', '[']));
            let next = match &node.value {
                Value::Map(entries) => entries
                    .iter()
                    .filter_map(|(key, value)| Some((fits(&key.name)?, path.key(&key.name), value)))
                    .min_by_key(|(tail, ..)| tail.len()),
                Value::List(items) => rest.strip_prefix('[').and_then(|inner| {
                    let (index, tail) = inner.split_once(']')?;
                    let index = index.parse().ok()?;
                    Some((tail, path.index(index), items.get(index)?))
                }),
                _ => None,
            };
            let Some((tail, longer, found)) = next else { return path };
            (rest, path, node) = (tail.strip_prefix('.').unwrap_or(tail), longer, found);
        }
    }

    /// The place of what `path` names, or of the nearest thing around it that exists.
    #[must_use]
    pub fn place(&self, path: &Path) -> Pos {
        let mut node = self;
        let mut pos = &self.pos;
        for step in &path.0 {
            let found = match (step, &node.value) {
                (Step::Key(name), Value::Map(entries)) => entries.iter().find(|(key, _)| key.name == *name),
                (Step::Index(index), Value::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    node = item;
                    pos = &item.pos;
                    continue;
                }
                _ => None,
            };
            let Some((key, value)) = found else { break };
            // A block of its own begins on the next line: its key is the better place.
            pos = match value.value {
                Value::Scalar(_) => &value.pos,
                _ => &key.pos,
            };
            node = value;
        }
        pos.clone()
    }
}

/// One step into the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The way to a field: `channels[0].models[2].price`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// The path of a top-level key.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Self::default().key(name)
    }

    /// Into a map.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        self.with(Step::Key(name.to_owned()))
    }

    /// Into a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The path as written, for one that counts list items without those that were left out in decoding
    /// (by list path, ascending).
    pub(super) fn written(&self, left_out: &BTreeMap<String, Vec<usize>>) -> Self {
        if left_out.is_empty() {
            return self.clone();
        }
        let mut written = Self::default();
        for step in &self.0 {
            let step = match step {
                Step::Key(name) => Step::Key(name.clone()),
                Step::Index(index) => {
                    let gaps = left_out.get(&written.to_string()).map(Vec::as_slice).unwrap_or_default();
                    Step::Index(gaps.iter().fold(*index, |index, gap| index + usize::from(*gap <= index)))
                }
            };
            written = written.with(step);
        }
        written
    }

    /// Number of steps.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The top-level key.
    #[must_use]
    pub(super) fn first(&self) -> Option<&str> {
        match self.0.first() {
            Some(Step::Key(name)) => Some(name),
            _ => None,
        }
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if index == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
