//! `${NAME}` and `${NAME:-default}` in scalars, replaced from the environment. Whole scalars are replaced
//! after parsing, so a value can never add YAML of its own. `$$` is a dollar sign.

use std::collections::BTreeMap;

use super::node::{Node, Path, ScalarKind, Value};
use super::problem::Problem;

/// Replaces in the whole tree; reports every missing variable.
pub(super) fn interpolate(node: &mut Node, env: &BTreeMap<String, String>, path: &Path, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Null | Value::Faulty => {}
        Value::Scalar(scalar) => {
            if !scalar.text.contains('$') {
                return;
            }
            match replace(&scalar.text, env) {
                Ok(Replaced { text, used }) => {
                    scalar.text = text;
                    if used {
                        scalar.from_environment = true;
                        scalar.kind = ScalarKind::Untyped;
                    }
                }
                Err(message) => {
                    problems.push(Problem { pos: node.pos.clone(), field: path.to_string(), message });
                    node.value = Value::Faulty;
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, env, &path.index(index), problems);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                interpolate(value, env, &path.key(&key.name), problems);
            }
        }
    }
}

struct Replaced {
    text: String,
    /// Whether anything was replaced.
    used: bool,
}

fn replace(text: &str, env: &BTreeMap<String, String>) -> Result<Replaced, String> {
    let mut out = String::with_capacity(text.len());
    let mut used = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            escaped
        } else if let Some(inner) = after.strip_prefix('{') {
            let (expression, tail) =
                inner.split_once('}').ok_or("`${` without its `}`; a dollar sign itself is written `$$`")?;
            out.push_str(&lookup(expression, env)?);
            used = true;
            tail
        } else {
            out.push('$');
            after
        };
    }
    out.push_str(rest);
    Ok(Replaced { text: out, used })
}

fn lookup(expression: &str, env: &BTreeMap<String, String>) -> Result<String, String> {
    let (name, default) = match expression.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (expression, None),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(legal) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("not a variable name between `${` and `}`; allowed: ${NAME} and ${NAME:-default}".to_owned());
    }
    match (env.get(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "the environment variable {name} is not set; set it, or give a default as ${{{name}:-default}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_refuses() {
        let env = BTreeMap::from([("A".to_owned(), "x: y".to_owned()), ("EMPTY".to_owned(), String::new())]);
        for (text, expected) in [
            ("${A}", Ok("x: y")),
            ("<${A}|${B:-b}>", Ok("<x: y|b>")),
            ("${EMPTY:-e}", Ok("e")),
            ("${B:-}", Ok("")),
            ("$A costs $$5", Ok("$A costs $5")),
            ("${B}", Err("the environment variable B is not set")),
            ("${A", Err("`${` without its `}`")),
            ("${1}", Err("not a variable name")),
        ] {
            match (replace(text, &env), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.text, expected, "{text}"),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{text}: {found}"),
                (Ok(_), Err(_)) => panic!("{text} was accepted"),
                (Err(found), Ok(_)) => panic!("{text}: {found}"),
            }
        }
    }
}
