//! Texts that last: names of channels, models, providers, groups and keys, and addresses, each kept once for as long as the
//! process lives.
//!
//! They stand in the headers of every answer and in every row. Were they shared by count, all workers would fight over the
//! counters at every request. A configuration has some thousands of them, a few dozen bytes each; what earlier
//! configurations named is kept too, which is the price. Never for a client's texts, which have no end, nor for secrets.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Uri};

static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The lasting one of these texts.
#[must_use]
pub fn lasting(text: &str) -> &'static str {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(Box::from(text));
    kept.insert(new);
    new
}

/// A name as a header value that nobody counts; characters that cannot stand in one become `?`.
#[must_use]
pub fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from_static(lasting(&visible(text)).as_bytes()))
        .unwrap_or(HeaderValue::from_static("?"))
}

/// A text with `?` for each character that cannot stand in a header value.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// An address that nobody counts; `None` if it is none.
#[must_use]
pub fn uri(text: &str) -> Option<Uri> {
    Uri::from_maybe_shared(Bytes::from_static(lasting(text).as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once() {
        let made = format!("channel-{}", 7);
        assert_eq!(lasting(&made), "channel-7");
        assert!(std::ptr::eq(lasting(&made), lasting("channel-7")));
    }

    #[test]
    fn names_and_addresses_come_out_as_they_went_in() {
        assert_eq!(header_value("ein Kanal"), "ein Kanal");
        assert_eq!(header_value("Kanäle\n"), "Kan?le?");
        assert_eq!(header_value(""), "");
        assert_eq!(
            uri("https://api.example.com/v1/x?y=z").map(|uri| uri.to_string()).as_deref(),
            Some("https://api.example.com/v1/x?y=z")
        );
        assert_eq!(uri("no address"), None);
    }
}
