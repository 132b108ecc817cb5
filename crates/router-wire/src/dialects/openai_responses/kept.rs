//! Which ids of an answer the provider keeps, so that later requests may name them.

use crate::scan::{elements, last_member, string_inside, unescape};

/// Ids of one answer that are noted; an answer with more items is still found by its own id.
const MOST: usize = 64;
/// Longest id that is noted.
const LONGEST: usize = 128;

/// Appends the ids of a whole response, or of a stream's event that holds one: its own, then those of its items. None, if the
/// client asked that nothing be stored.
pub(super) fn kept(data: &[u8], ids: &mut Vec<String>) {
    let response = last_member(data, "response").unwrap_or(data);
    if last_member(response, "store") == Some(b"false") {
        return;
    }
    note(response, ids);
    elements(last_member(response, "output").unwrap_or_default(), |item| note(item, ids));
}

fn note(object: &[u8], ids: &mut Vec<String>) {
    let Some(id) = last_member(object, "id").and_then(string_inside) else { return };
    let id = unescape(id);
    if (1..=LONGEST).contains(&id.len()) && ids.len() < MOST && !ids.iter().any(|known| *known == id) {
        ids.push(id.into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> Vec<String> {
        let mut ids = vec!["resp_0".to_owned()];
        kept(data.as_bytes(), &mut ids);
        ids.split_off(1)
    }

    #[test]
    fn an_answer_and_its_items_are_kept_unless_nothing_shall_be() {
        let whole =
            r#"{"id":"resp_1","store":true,"output":[{"id":"rs_1","type":"reasoning"},{"type":"x"},{"id":"msg_1"}]}"#;
        assert_eq!(of(whole), ["resp_1", "rs_1", "msg_1"]);
        assert_eq!(of(&format!(r#"{{"type":"response.completed","response":{whole}}}"#)), ["resp_1", "rs_1", "msg_1"]);
        assert_eq!(of(&whole.replace("true", "false")), [""; 0]);
        assert_eq!(of(r#"{"id":"resp_1"}"#), ["resp_1"], "stored is the rule");
        assert_eq!(of(r#"{"id":"resp_0","output":[{"id":"resp_0"}]}"#), [""; 0], "once");
        for odd in ["", "[]", r#"{"id":""}"#, r#"{"id":7,"output":{}}"#, &format!(r#"{{"id":"{}"}}"#, "x".repeat(200))]
        {
            assert_eq!(of(odd), [""; 0], "{odd}");
        }
        let many: Vec<String> = (0..100).map(|n| format!(r#"{{"id":"msg_{n}"}}"#)).collect();
        assert_eq!(of(&format!(r#"{{"id":"resp_1","output":[{}]}}"#, many.join(","))).len(), MOST - 1);
    }
}
