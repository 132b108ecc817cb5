//! What a conversation begins with, as a number: turns of one conversation have it in common, so that it can stand for a
//! session where the client names none.

use router_core::ids::{hash64, mix};

use crate::scan::{Field, Kind, Lexer, Scan, string_inside};

/// So many bytes of either end of a message count: enough to tell conversations apart, little enough for every request.
const ENDS: usize = 512;
/// At most so many messages before the first of the user count.
const MOST: usize = 4;

/// A number of the conversation: of its messages up to the first that is the user's. `None` where the body is none.
#[must_use]
pub fn conversation(body: &[u8], scan: &Scan) -> Option<u64> {
    let (kind, raw) = [Field::Messages, Field::Input].into_iter().find_map(|field| scan.value(body, field))?;
    if kind == Kind::String {
        return Some(ends(string_inside(raw)?));
    }
    let mut lexer = Lexer::new(raw, 0);
    if lexer.next_token() != Some(b'[') {
        return None;
    }
    let mut number = 0;
    for _ in 0..MOST {
        lexer.at += 1; // the bracket, then the commas
        lexer.next_token();
        let start = lexer.at;
        if !lexer.skip_value() {
            break;
        }
        let message = raw.get(start..lexer.at)?;
        number = mix(number ^ ends(message));
        let mut user = false;
        crate::scan::members(message, |key, value| {
            user |= key == b"role" && value == br#""user""#;
            !user
        });
        if user || lexer.next_token() != Some(b',') {
            break;
        }
    }
    Some(number)
}

fn ends(text: &[u8]) -> u64 {
    let first = text.get(..ENDS.min(text.len())).unwrap_or_default();
    let last = text.get(text.len().saturating_sub(ENDS)..).unwrap_or_default();
    mix(hash64(first) ^ mix(hash64(last) ^ text.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::conversation;
    use crate::scan::scan;

    fn of(body: &str) -> Option<u64> {
        conversation(body.as_bytes(), &scan(body.as_bytes()).expect("a body"))
    }

    #[test]
    fn turns_of_a_conversation_have_one_number() {
        let first = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"one"}]}"#;
        let second = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"one"},{"role":"assistant","content":"x"},{"role":"user","content":"y"}],"model":"m"}"#;
        let other = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"two"}]}"#;
        assert!(of(first).is_some());
        assert_eq!(of(first), of(second));
        assert_ne!(of(first), of(other));
        assert!(of(r#"{"model":"m","input":"text"}"#).is_some());
        assert_eq!(of(r#"{"model":"m"}"#), None);
        let strange = [r#"{"messages":[]}"#, r#"{"messages":[1,"a",null]}"#, r#"{"messages":[{"role":1}]}"#];
        strange.into_iter().for_each(|body| assert!(of(body).is_some(), "{body}"));
    }
}
