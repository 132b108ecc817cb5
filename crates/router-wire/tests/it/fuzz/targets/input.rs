//! An input of a target: choices first, then the bytes that are under test.

use router_wire::dialects::{ClientCodec, Echo, PROVIDERS, ProviderCodec, clients};
use serde::de::IgnoredAny;

/// What is left of an input. One that is too short chooses the first of everything.
#[derive(Debug)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The whole input.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; 0 if there is none.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of these, by the next byte.
    pub(super) fn choose<T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::from(self.byte()) % from.len()]
    }

    /// The dialect of a client that the next byte chooses.
    pub(super) fn client(&mut self) -> &'static ClientCodec {
        let all: Vec<_> = clients().collect();
        all[usize::from(self.byte()) % all.len()]
    }

    /// The dialect of a provider that the next byte chooses.
    pub(super) fn provider(&mut self) -> &'static ProviderCodec {
        self.choose::<&ProviderCodec>(PROVIDERS)
    }

    /// As many of the next bytes as the byte before them says.
    pub(super) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }

    /// All that is left: the bytes under test.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// What answers repeat; always the same.
pub(super) const ECHO: Echo<'_> = Echo {
    model: "client-model",
    id: "x1",
    created: 1_700_000_000,
    usage_wanted: true,
    input_tokens: 11,
    request: None,
};

/// What we write is JSON.
pub(super) fn assert_json(bytes: &[u8], what: &str) {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(bytes) {
        panic!("{what}: {error}: {}", String::from_utf8_lossy(bytes));
    }
}
