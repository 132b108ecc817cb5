//! Encrypted reasoning in a request: OpenAI binds it to the organisation that got it.

use memchr::memmem;

use crate::dialects::AccountBound;
use crate::scan::{elements, last_member, members, push_member, unescape};

/// The dialect's part that is bound to an account.
pub(super) static BOUND: AccountBound = AccountBound { param: "encrypted_content", holds, without };

fn holds(body: &[u8]) -> bool {
    memmem::find(body, b"encrypted_content").is_some()
}

/// Takes items of encrypted reasoning out of `input`; all else keeps its bytes. Other encrypted items (compactions) hold what
/// was said and stay: without them the conversation would be another.
fn without(body: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut found) = (b"{".to_vec(), false);
    let whole = members(body, |key, value| {
        if unescape(key) == "input" && value.starts_with(b"[") {
            let rest = other_items(value, &mut found);
            push_member(key, &rest, &mut out);
        } else {
            push_member(key, value, &mut out);
        }
        true
    });
    out.push(b'}');
    (whole && found).then_some(out)
}

fn other_items(input: &[u8], found: &mut bool) -> Vec<u8> {
    let mut out = b"[".to_vec();
    elements(input, |item| {
        let encrypted = last_member(item, "encrypted_content").is_some_and(|content| content.starts_with(b"\""));
        if encrypted && last_member(item, "type") == Some(b"\"reasoning\"") {
            *found = true;
            return;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    });
    out.push(b']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_reasoning_goes() {
        let thought = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
        let open = r#"{ "type":"reasoning","summary":[{"text":"hm"}],"encrypted_content":null }"#;
        let compaction = r#"{"type":"compaction","encrypted_content":"x"}"#;
        let call = r#"{"type":"function_call","arguments":"{\"encrypted_content\":1.50}"}"#;
        let body = |items: &[&str]| format!(r#"{{"model":"m","input":[{}],"top_p":0.50}}"#, items.join(","));
        let of = |body: &str| without(body.as_bytes()).map(|out| String::from_utf8(out).unwrap());
        assert_eq!(of(&body(&[thought, call, thought, open])), Some(body(&[call, open])));
        for same in [&body(&[open, compaction, call]), r#"{"input":"encrypted_content"}"#, "{", "[]", r#"{"input":[1,"#]
        {
            assert_eq!(of(same), None, "{same}");
        }
        assert!(holds(body(&[thought]).as_bytes()) && !holds(body(&["{}"]).as_bytes()));
    }
}
