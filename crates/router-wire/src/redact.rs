//! Secrets out of texts that come from outside, before anyone keeps or shows them.
//!
//! By shape, since we cannot know every secret: keys with the usual prefixes (masked ones too), what follows `Bearer`,
//! JSON web tokens, PEM blocks, key parameters and passwords in addresses, and addresses of internal hosts.

/// Most bytes of a provider's text that are kept.
pub const KEPT: usize = 2_048;

/// Bytes of a text that are looked at; what is kept of it is far less.
const READ: usize = 16 * 1024;

const GONE: &str = "[redacted]";

/// Beginnings of keys, with the least number of characters that follow in a real one.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-", 6),
    ("sk_", 12),
    ("rk_", 12),
    ("pk-", 12),
    ("gsk_", 6),
    ("AIza", 10),
    ("hf_", 8),
    ("xai-", 8),
    ("r8_", 8),
    ("nvapi-", 8),
    ("ghp_", 8),
    ("github_pat_", 8),
    ("AKIA", 12),
    ("ya29.", 8),
    ("eyJ", 16),
];

/// Words after which a value is a secret, whatever it looks like.
const LEADS: &[&str] =
    &["bearer ", "basic ", "api_key=", "api-key=", "apikey=", "access_token=", "token=", "key=", "x-api-key: "];

/// The text without secrets, at most [`KEPT`] bytes.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut clean = without_secrets(cut(text, READ));
    let kept = cut(&clean, KEPT).len();
    clean.truncate(kept);
    clean
}

/// The first `most` bytes, or fewer where that would split a character.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

fn without_secrets(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(KEPT * 2));
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let boundary = !before.is_alphanumeric() && before != '_';
        if boundary && let Some((kept, secret)) = secret_at(rest) {
            clean.push_str(rest.get(..kept).unwrap_or_default());
            clean.push_str(GONE);
            rest = rest.get(kept + secret..).unwrap_or_default();
            before = ' ';
            continue;
        }
        clean.push(first);
        before = first;
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    clean
}

/// A secret at the start of the text: how many bytes before it stay, how many go.
fn secret_at(text: &str) -> Option<(usize, usize)> {
    pem(text).or_else(|| prefixed(text)).or_else(|| led(text)).or_else(|| address(text))
}

const fn is_key_char(found: char) -> bool {
    found.is_ascii_alphanumeric() || matches!(found, '_' | '-' | '.' | '*' | '+' | '/' | '=' | '~' | '%' | '…')
}

/// Length of the run of key characters; a full stop that ends a sentence is none.
fn key_len(text: &str) -> usize {
    let run = text.find(|found| !is_key_char(found)).unwrap_or(text.len());
    text.get(..run).unwrap_or_default().trim_end_matches(['.', '/']).len()
}

fn prefixed(text: &str) -> Option<(usize, usize)> {
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let length = key_len(text);
    (length >= prefix.len() + least).then_some((0, length))
}

fn led(text: &str) -> Option<(usize, usize)> {
    let lead =
        LEADS.iter().find(|lead| text.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead)))?;
    let length = key_len(text.get(lead.len()..)?);
    // `Bearer token is missing` is no secret: one has a digit or is long.
    let value = text.get(lead.len()..lead.len() + length)?;
    let secret = length >= 6 && (length >= 20 || value.contains(|found: char| found.is_ascii_digit() || found == '*'));
    secret.then_some((lead.len(), length))
}

fn pem(text: &str) -> Option<(usize, usize)> {
    let inside = text.strip_prefix("-----BEGIN ")?;
    let end = inside.find("-----END ").and_then(|at| {
        let tail = inside.get(at + 9..)?;
        Some(11 + at + 9 + tail.find("-----").map_or(tail.len(), |dashes| dashes + 5))
    });
    Some((0, end.unwrap_or(text.len())))
}

/// An address with a password, or of an internal host: goes whole.
fn address(text: &str) -> Option<(usize, usize)> {
    let scheme = text.find("://").filter(|at| *at <= 10 && text.get(..*at).is_some_and(is_scheme))?;
    let after = text.get(scheme + 3..)?;
    let end = after
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ','))
        .unwrap_or(after.len());
    let (address, _) = after.split_at_checked(end)?;
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    (authority.contains('@') || is_internal(host)).then_some((0, scheme + 3 + end))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|found| found.is_ascii_alphanumeric())
}

fn is_internal(host: &str) -> bool {
    if host.starts_with('[') {
        return true;
    }
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let numeric = !name.is_empty() && name.chars().all(|found| found.is_ascii_digit() || found == '.');
    let ends = [".local", ".internal", ".svc", ".lan", ".corp", ".home", ".intranet", ".localhost"];
    numeric || !name.contains('.') || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_sentences_stay() {
        for (text, clean) in [
            (
                "Incorrect API key provided: sk-proj-abc123DEF456. You can",
                "Incorrect API key provided: [redacted]. You can",
            ),
            ("key sk-abcd****************wxyz is bad", "key [redacted] is bad"),
            ("gsk_abcdefghij, AIzaSyA1234567890 and hf_abcdefghijk", "[redacted], [redacted] and [redacted]"),
            ("Authorization: Bearer abc.def-123456789", "Authorization: Bearer [redacted]"),
            ("bearer token is missing", "bearer token is missing"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123 end", "jwt [redacted] end"),
            ("a -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b", "a [redacted] b"),
            ("a -----BEGIN PRIVATE KEY-----\nMII", "a [redacted]"),
            ("https://api.example.com/v1?key=abcdef123456&x=1", "https://api.example.com/v1?key=[redacted]&x=1"),
            ("at https://user:pass@api.example.com/v1 now", "at [redacted] now"),
            ("dial http://10.0.0.7:8000/v1: refused", "dial [redacted] refused"),
            (
                "see http://llm.internal/v1 or https://platform.openai.com/docs",
                "see [redacted] or https://platform.openai.com/docs",
            ),
            ("http://localhost:11434, \"http://[::1]/\"", "[redacted], \"[redacted]\""),
            ("ask-me-anything sk-short task-force-abcdefgh", "ask-me-anything sk-short task-force-abcdefgh"),
            ("数据 sk-漢字", "数据 sk-漢字"),
            ("ratio 3://4 and ://", "ratio [redacted] and ://"),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn a_secret_at_the_cut_does_not_survive_in_part() {
        let text = format!("{}sk-{}", "x ".repeat(1_015), "a1".repeat(40));
        let clean = redact(&text);
        assert!(clean.ends_with(GONE) && clean.len() <= KEPT, "{clean}");
        assert!(redact(&"中".repeat(2_000)).len() <= KEPT);
    }
}
