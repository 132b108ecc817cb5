//! From folder, file, environment and command line to one tree.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use super::decode::{Decode, Faults};
use super::interpolate::interpolate;
use super::node::{Key, Node, Path, Pos, Scalar, ScalarKind, Value};
use super::objects::GroupEntry;
use super::problem::{Problem, Problems};
use super::yaml;

/// Prefix of settings in the environment: `SMART_AI_ROUTER__SERVER__PORT`.
pub const ENV_PREFIX: &str = "SMART_AI_ROUTER__";
/// Folder that is read when none is named.
pub const DEFAULT_FOLDER: &str = "./config";
/// Largest configuration file.
const MAX_FILE: u64 = 8 << 20;

/// Where files come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// `./config` where it exists, else nothing.
    #[default]
    Default,
    /// A folder of YAML files, or one file.
    Path(PathBuf),
    /// Texts with a name each: a stored snapshot, a plan sent to the admin API, a test.
    Texts(Vec<(String, String)>),
}

/// A file as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name for messages.
    pub name: String,
    /// What it holds, before interpolation.
    pub text: String,
}

/// Reads every file of the source, in the order of their names.
///
/// # Errors
/// What cannot be read, or does not exist though it was named.
pub fn read(source: &Source) -> Result<Vec<SourceFile>, Problems> {
    match source {
        Source::Texts(texts) => {
            Ok(texts.iter().map(|(name, text)| SourceFile { name: name.clone(), text: text.clone() }).collect())
        }
        Source::Default if FilePath::new(DEFAULT_FOLDER).is_dir() => read_folder(FilePath::new(DEFAULT_FOLDER)),
        Source::Default => Ok(Vec::new()),
        Source::Path(path) if path.is_dir() => read_folder(path),
        Source::Path(path) => read_file(path).map(|file| vec![file]).map_err(|problem| Problems(vec![problem])),
    }
}

fn read_folder(folder: &FilePath) -> Result<Vec<SourceFile>, Problems> {
    let unreadable = |error: std::io::Error| Problems(vec![unreadable(folder, &error)]);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if yaml && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match read_file(&path) {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(Problems(problems)) }
}

fn read_file(path: &FilePath) -> Result<SourceFile, Problem> {
    let fail = |error: std::io::Error| unreadable(path, &error);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_FILE {
        let message = format!("the file has {size} bytes; at most {MAX_FILE} are read");
        return Err(Problem { pos: Pos::whole(&path.to_string_lossy()), field: String::new(), message });
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    Ok(SourceFile { name: path.to_string_lossy().into_owned(), text })
}

fn unreadable(path: &FilePath, error: &std::io::Error) -> Problem {
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::InvalidData => "not UTF-8 text".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    Problem { pos: Pos::whole(&path.to_string_lossy()), field: String::new(), message }
}

/// Parses, interpolates and merges all files, and what was parsed before, into one tree.
pub(super) fn merge_files(
    files: &[SourceFile],
    more: Option<&Node>,
    env: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Node {
    let mut tree = Node::empty_map(Pos::whole("configuration"));
    let files = files.iter().map(|file| yaml::parse(&file.name, &file.text));
    for parsed in files.chain(more.cloned().map(Ok)) {
        let mut parsed = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        if !matches!(parsed.value, Value::Map(_)) {
            let message = "expected a map with top-level keys such as server, channels, model_groups".to_owned();
            problems.push(Problem { pos: parsed.pos, field: String::new(), message });
            continue;
        }
        interpolate(&mut parsed, env, &Path::default(), problems);
        merge(&mut tree, parsed, &Path::default(), problems);
    }
    tree
}

/// Top-level keys whose lists may be spread over several files.
const SPREAD_LISTS: [&str; 3] = ["channels", "keys", "pricing_policies"];
/// Top-level keys whose entries belong to one file each.
const WHOLE_ENTRIES: [&str; 2] = ["providers", "model_groups"];

fn merge(into: &mut Node, from: Node, path: &Path, problems: &mut Vec<Problem>) {
    let spread = path.first().is_some_and(|root| SPREAD_LISTS.contains(&root));
    let whole = path.len() == 2 && path.first().is_some_and(|root| WHOLE_ENTRIES.contains(&root));
    match (&mut into.value, from.value) {
        (Value::Null, value) => *into = Node { pos: from.pos, value },
        (_, Value::Null) => {}
        (Value::List(items), Value::List(mut more)) if spread => items.append(&mut more),
        (Value::Map(entries), Value::Map(more)) if !whole => {
            for (key, value) in more {
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((_, known)) => merge(known, value, &path.key(&key.name), problems),
                    None => entries.push((key, value)),
                }
            }
        }
        _ => {
            let message = format!("given twice; the first stands at {}", into.pos);
            problems.push(Problem { pos: from.pos, field: path.to_string(), message });
        }
    }
}

/// Lays one value over the tree, creating the maps on its way.
pub(super) fn set(tree: &mut Node, keys: &[String], source: &str, value: Value) {
    let pos = Pos::whole(source);
    let Some((first, rest)) = keys.split_first() else {
        *tree = Node { pos, value };
        return;
    };
    if !matches!(tree.value, Value::Map(_)) {
        *tree = Node::empty_map(pos.clone());
    }
    let Value::Map(entries) = &mut tree.value else { return };
    match entries.iter_mut().find(|(key, _)| key.name.eq_ignore_ascii_case(first)) {
        Some((_, node)) => set(node, rest, source, value),
        None => {
            let mut node = Node { pos: pos.clone(), value: Value::Null };
            set(&mut node, rest, source, value);
            entries.push((Key { name: first.clone(), pos }, node));
        }
    }
}

/// Puts a definition of a group in the place of the one in the tree.
pub(super) fn define_group(
    tree: &mut Node,
    name: &str,
    definition: &SourceFile,
    env: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    match yaml::parse(&definition.name, &definition.text) {
        Ok(mut parsed) => {
            let path = Path::root("model_groups").key(name);
            interpolate(&mut parsed, env, &path, problems);
            set(tree, &["model_groups".to_owned()], &definition.name, groups_with(tree, name, parsed));
        }
        Err(problem) => problems.push(problem),
    }
}

/// The groups of the tree, that one replaced.
fn groups_with(tree: &Node, name: &str, definition: Node) -> Value {
    let groups = tree.get("model_groups").map(|groups| groups.value.clone());
    let mut entries = match groups {
        Some(Value::Map(entries)) => entries,
        _ => Vec::new(),
    };
    entries.retain(|(key, _)| key.name != name);
    entries.push((Key { name: name.to_owned(), pos: definition.pos.clone() }, definition));
    Value::Map(entries)
}

/// Whether a text is a whole configuration rather than the definition of a group: a map with a top-level key of one.
pub(crate) fn is_configuration(file: &SourceFile) -> bool {
    let parsed = yaml::parse(&file.name, &file.text);
    let Ok(Value::Map(entries)) = parsed.map(|node| node.value) else { return false };
    let known = |name: &str| super::SYSTEM_KEYS.contains(&name) || super::OBJECT_KEYS.contains(&name);
    entries.iter().any(|(key, _)| known(&key.name))
}

/// The environment over the files: `DATABASE_URL`, `REDIS_URL`, then `SMART_AI_ROUTER__…`.
pub(super) fn apply_environment(tree: &mut Node, env: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    for (name, key) in [("DATABASE_URL", "database"), ("REDIS_URL", "redis")] {
        if let Some(value) = env.get(name).filter(|value| !value.is_empty()) {
            let keys = [key.to_owned(), "url".to_owned()];
            set(tree, &keys, &format!("environment {name}"), untyped(value));
        }
    }
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
        let source = format!("environment {name}");
        let mut keys: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        if let [section, field, currency] = keys.as_mut_slice()
            && (section.as_str(), field.as_str()) == ("catalog", "exchange_rates")
        {
            currency.make_ascii_uppercase();
        }
        match from_environment(&source, value) {
            Ok(value) => set(tree, &keys, &source, value),
            Err(problem) => problems.push(problem),
        }
    }
}

/// A scalar, or a list or map where the text begins like one.
fn from_environment(source: &str, text: &str) -> Result<Value, Problem> {
    if !text.trim_start().starts_with(['[', '{']) {
        return Ok(untyped(text));
    }
    let mut node = yaml::parse(source, text)?;
    mark(&mut node, &Pos::whole(source));
    Ok(node.value)
}

/// Everything below comes from one variable, and may be secret.
fn mark(node: &mut Node, pos: &Pos) {
    node.pos = pos.clone();
    match &mut node.value {
        Value::Scalar(scalar) => scalar.from_environment = true,
        Value::List(items) => items.iter_mut().for_each(|item| mark(item, pos)),
        Value::Map(entries) => entries.iter_mut().for_each(|(key, item)| {
            key.pos = pos.clone();
            mark(item, pos);
        }),
        Value::Null | Value::Faulty => {}
    }
}

/// A scalar that takes the type its field wants.
pub(super) fn untyped(text: &str) -> Value {
    match text.trim() {
        "" | "null" | "~" => Value::Null,
        text => Value::Scalar(Scalar { text: text.to_owned(), kind: ScalarKind::Untyped, from_environment: true }),
    }
}

/// The built-in groups, decoded by the code that decodes files. A test holds that nothing is wrong in them.
pub(super) fn builtin_groups(yaml: &str) -> Vec<(String, GroupEntry)> {
    let Ok(tree) = yaml::parse("built-in groups", yaml) else { return Vec::new() };
    let Some(Value::Map(entries)) = tree.get("model_groups").map(|node| &node.value) else { return Vec::new() };
    let mut faults = Faults::default();
    entries
        .iter()
        .filter_map(|(key, node)| {
            let path = Path::root("model_groups").key(&key.name);
            GroupEntry::decode(node, &path, &mut faults).map(|group| (key.name.clone(), group))
        })
        .collect()
}
