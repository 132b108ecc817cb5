//! Which channel models can take a request of another dialect at all. To know that the request is written for one, which for a
//! long conversation takes longer than all else that the router does: so it is written once for all channel models that take
//! the same, and what was written for the best of them is what the attempt sends.

use bytes::Bytes;
use router_core::catalog::ModelIx;
use router_wire::adapters::Quirks;
use router_wire::dialects::{ProviderCodec, Target};
use router_wire::message::Unsupported;

use super::tongue::Tongue;

/// A request as it was written for a channel model.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) model: ModelIx,
    /// The cap on output that it was written with.
    pub(super) output_cap: Option<u64>,
    pub(super) body: Bytes,
    /// How it speaks, which its answer is read by.
    pub(super) tongue: Tongue,
    /// Hints that the provider does not get.
    pub(super) dropped: Vec<String>,
}

/// Verdicts of one request, each found once.
#[derive(Debug, Default)]
pub(super) struct Fits<'a> {
    known: Vec<(Taker<'a>, Option<Unsupported>)>,
}

/// What a verdict depends on: dialect, kind of model, whether it thinks, habits of the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taker<'a> {
    dialect: &'static str,
    kind: u8,
    thinks: bool,
    quirks: &'a Quirks,
}

impl<'a> Fits<'a> {
    /// Why that model of a provider cannot take the request; `write` is asked where no other model's verdict holds for it.
    pub(super) fn verdict(
        &mut self,
        provider: &'static ProviderCodec,
        model: &Target<'a>,
        write: impl FnOnce() -> Option<Unsupported>,
    ) -> Option<Unsupported> {
        let (kind, thinks, quirks) = ((provider.kind)(model.model), model.thinks, model.quirks);
        let taker = Taker { dialect: provider.name, kind, thinks, quirks };
        if let Some((_, verdict)) = self.known.iter().find(|(known, _)| *known == taker) {
            return verdict.clone();
        }
        let verdict = write();
        self.known.push((taker, verdict.clone()));
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_wire::dialects::provider;

    #[test]
    fn a_request_is_written_once_for_all_that_take_the_same() {
        let (plain, odd) = (Quirks::default(), Quirks { developer_role: true, ..Quirks::default() });
        let same_habits = Quirks::default();
        let (chat, anthropic) = (provider("openai_chat").unwrap(), provider("anthropic").unwrap());
        let (mut fits, mut written) = (Fits::default(), Vec::new());
        let mut ask = |provider: &'static ProviderCodec, model: &'static str, quirks| {
            let verdict = fits.verdict(provider, &Target::new(model, quirks), || {
                written.push(model);
                (provider.name == "anthropic").then(|| Unsupported::new("n", "one answer"))
            });
            verdict.is_some()
        };
        for _ in 0..32 {
            assert!(!ask(chat, "gpt-1", &plain) && !ask(chat, "gpt-2", &same_habits));
            assert!(!ask(chat, "gpt-3", &odd));
            assert!(ask(anthropic, "claude-opus-4-5", &plain) && ask(anthropic, "claude-opus-4-6", &plain));
        }
        assert_eq!(written, ["gpt-1", "gpt-3", "claude-opus-4-5", "claude-opus-4-6"]);
    }
}
