//! A passing chat body made fit for a vendor with habits: a second pass, run only where a quirk may apply.
//!
//! Members keep their order and every value that is not touched its bytes; only the white space between members of an object
//! that changes is lost.

use super::Quirks;
use crate::scan::{elements, members, push_json_string, string_inside, unescape};

/// The body as that vendor takes it; `None` if nothing has to change. `model` is the upstream's name of the model.
pub(super) fn patch(quirks: &Quirks, model: &str, body: &[u8]) -> Option<Vec<u8>> {
    let in_messages = quirks.string_content
        || quirks.no_nulls
        || (quirks.developer_as_system && memchr::memmem::find(body, b"\"developer\"").is_some());
    let rename_limit = quirks.reasoning_max_completion && is_reasoning_model(model);
    if !in_messages && !rename_limit && quirks.unsupported_params.is_empty() && quirks.renamed_params.is_empty() {
        return None;
    }
    let has = |name: &str| crate::scan::last_member(body, name).is_some();
    object(body, |key, value| {
        let name = unescape(key);
        if quirks.unsupported_params.iter().any(|param| *param == name) {
            return Member::Out;
        }
        let renamed = quirks.renamed_params.iter().find(|(ours, _)| *ours == name).map(|(_, its)| its.as_str());
        let renamed = renamed.or_else(|| (rename_limit && name == "max_tokens").then_some("max_completion_tokens"));
        match renamed {
            Some(its) if has(its) => Member::Out,
            Some(its) => Member::Key(its.to_owned()),
            None if in_messages && name == "messages" => messages(quirks, value).map_or(Member::Same, Member::Value),
            None => Member::Same,
        }
    })
}

/// OpenAI's models that think: `o1`, `o3-mini`, `o4-…`, `gpt-5…`, with or without the maker before a slash.
fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let numbered = name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered || name.starts_with("gpt-5")
}

/// What becomes of a member.
enum Member {
    Same,
    Out,
    Key(String),
    Value(Vec<u8>),
}

/// The object with some members changed; `None` if none was, or if it cannot be read to its end.
fn object(raw: &[u8], mut change: impl FnMut(&[u8], &[u8]) -> Member) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len() + 16);
    out.push(b'{');
    let mut changed = false;
    let whole = members(raw, |key, value| {
        let what = change(key, value);
        changed |= !matches!(what, Member::Same);
        if matches!(what, Member::Out) {
            return true;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        if let Member::Key(name) = &what {
            push_json_string(&mut out, name);
        } else {
            out.push(b'"');
            out.extend_from_slice(key);
            out.push(b'"');
        }
        out.push(b':');
        out.extend_from_slice(if let Member::Value(new) = &what { new } else { value });
        true
    });
    out.push(b'}');
    (whole && changed).then_some(out)
}

fn messages(quirks: &Quirks, list: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(list.len());
    out.push(b'[');
    let mut changed = false;
    let whole = elements(list, |message| {
        if out.len() > 1 {
            out.push(b',');
        }
        let new = object(message, |key, value| match key {
            b"role" if quirks.developer_as_system && value == b"\"developer\"" => Member::Value(b"\"system\"".to_vec()),
            b"content" if quirks.string_content => joined(value).map_or(Member::Same, Member::Value),
            _ if quirks.no_nulls && value == b"null" => Member::Out,
            _ => Member::Same,
        });
        changed |= new.is_some();
        out.extend_from_slice(new.as_deref().unwrap_or(message));
    });
    out.push(b']');
    (whole && changed).then_some(out)
}

/// Content of text parts alone as one string, parts on lines of their own; `None` for other content.
fn joined(content: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut plain) = (vec![b'"'], true);
    let whole = content.starts_with(b"[")
        && elements(content, |part| {
            let (mut kind, mut text) = (None, None);
            members(part, |key, value| {
                match key {
                    b"type" => kind = Some(value),
                    b"text" => text = string_inside(value),
                    _ => {}
                }
                true
            });
            match (kind, text) {
                (Some(b"\"text\""), Some(text)) => {
                    if out.len() > 1 {
                        out.extend_from_slice(b"\\n");
                    }
                    out.extend_from_slice(text);
                }
                _ => plain = false,
            }
        });
    out.push(b'"');
    (whole && plain).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_quirk_names_changes() {
        let developer = r#"{"model":"m","messages":[{"role":"developer","content":"a"},{"role":"user","content":"developer \u00e9"}],"x":1e2}"#;
        let parts =
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\"b"},{"type":"text","text":"c"}]}]}"#;
        let image = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]}"#;
        let nulls = r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":null}]}],"stop":null}"#;
        for (words, model, body, expected) in [
            (vec!["no_developer_role"], "m", developer, Some(developer.replacen("developer", "system", 1))),
            (vec!["no_developer_role"], "m", parts, None),
            (vec![], "m", developer, None),
            (
                vec!["string_content"],
                "m",
                parts,
                Some(r#"{"messages":[{"role":"user","content":"a\"b\nc"}]}"#.to_owned()),
            ),
            (vec!["string_content"], "m", image, None),
            (
                vec!["no_nulls"],
                "m",
                nulls,
                Some(r#"{"messages":[{"role":"assistant","tool_calls":[{"id":null}]}],"stop":null}"#.to_owned()),
            ),
            (vec!["rejects_max_tokens"], "gpt-4o", r#"{"max_tokens":5}"#, None),
            (
                vec!["rejects_max_tokens"],
                "o3-mini",
                r#"{"a":1,"max_tokens":5}"#,
                Some(r#"{"a":1,"max_completion_tokens":5}"#.into()),
            ),
            (
                vec!["rejects_max_tokens"],
                "openai/gpt-5.2",
                r#"{"max_tokens":5,"max_completion_tokens":7}"#,
                Some(r#"{"max_completion_tokens":7}"#.into()),
            ),
            (vec!["rejects_max_tokens"], "omni", r#"{"max_tokens":5}"#, None),
            (vec!["drops=seed", "drops=b"], "m", r#"{"seed":5, "a":1 ,"b":{}}"#, Some(r#"{"a":1}"#.into())),
            (vec!["renames=top_k:topK"], "m", r#"{"top_k":5.0}"#, Some(r#"{"topK":5.0}"#.into())),
            (vec!["drops=seed"], "m", "{", None),
        ] {
            let quirks = Quirks::default().with(words.iter().copied());
            let patched = patch(&quirks, model, body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(patched, expected, "{words:?} {body}");
        }
    }
}
