//! The fault table: one line for each kind says who is to blame, what cools down and for how long, where
//! another try makes sense, and what the client gets if no other try helped. Nothing else in the program
//! chooses any of this.

use super::{ErrorCode, FaultKind};

/// Whose fault it is. Only decides words in rows and metrics, and who gets the bill for repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The client's request.
    Client,
    /// The provider key.
    Key,
    /// This model on this channel.
    ChannelModel,
    /// The channel: its address, certificate, account.
    Channel,
    /// The provider's service.
    Provider,
    /// This router or its configuration.
    Router,
}

impl Blame {
    /// The word in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Key => "key",
            Self::ChannelModel => "channel_model",
            Self::Channel => "channel",
            Self::Provider => "provider",
            Self::Router => "router",
        }
    }
}

/// What the fault tells about: the thing that cools down and whose breaker counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Nothing beyond this one request.
    None,
    /// The provider key, for all models.
    Key,
    /// This model with this key: limits are counted for that pair. See [`Scope::cell`].
    KeyModel,
    /// This model on this channel, whatever the key.
    ChannelModel,
    /// The whole channel.
    Channel,
}

/// Where live state keeps cooldowns and breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The provider key.
    Key,
    /// The pair of a provider key and a model.
    KeyModel,
    /// The channel model.
    ChannelModel,
    /// The channel.
    Channel,
}

impl Scope {
    /// The cell that stands for this scope on a channel with that many keys. With one key the pair of key and model is the
    /// model.
    #[must_use]
    pub const fn cell(self, keys_of_channel: usize) -> Option<Cell> {
        match self {
            Self::None => None,
            Self::Key => Some(Cell::Key),
            Self::KeyModel if keys_of_channel > 1 => Some(Cell::KeyModel),
            Self::KeyModel | Self::ChannelModel => Some(Cell::ChannelModel),
            Self::Channel => Some(Cell::Channel),
        }
    }
}

/// For how long the scope stays away when the provider names no time itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StayAway {
    /// Not at all.
    No,
    /// `cooldown.rate_limited`, doubled with each fault in a row, up to `cooldown.max`.
    RateLimited,
    /// `cooldown.temporary`, doubled with each fault in a row, up to `cooldown.max`.
    Temporary,
    /// `cooldown.max` at once: it needs a repair. It comes back by itself, to be tried again.
    UntilFixed,
}

/// Which other candidates are worth a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elsewhere {
    /// None: the answer would be the same, or the time is up.
    Nowhere,
    /// Any.
    Any,
    /// Only those with a longer context.
    LongerContext,
    /// Only those of another provider.
    OtherProvider,
}

/// What follows from a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The kind.
    pub kind: FaultKind,
    /// Stable word for rows (`error_class`) and metrics.
    pub class: &'static str,
    /// Whose fault it is.
    pub blame: Blame,
    /// What stays away.
    pub scope: Scope,
    /// For how long.
    pub stay_away: StayAway,
    /// Which other candidates are worth a try.
    pub elsewhere: Elsewhere,
    /// Whether the same candidate is worth a try with another provider key.
    pub other_key: bool,
    /// Whether health and breaker of the scope count it as a failure.
    pub counts: bool,
    /// What the client gets if it was the last word.
    pub error: ErrorCode,
}

/// All faults, in the order of [`FaultKind`].
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule(FaultKind::Connect,          "connect",            Blame::Channel,      Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::Dns,              "dns",                Blame::Channel,      Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::ConnectTimeout,   "connect_timeout",    Blame::Channel,      Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamTimeout),
    rule(FaultKind::Tls,              "tls",                Blame::Channel,      Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::EgressDenied,     "egress_denied",      Blame::Router,       Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, false, ErrorCode::UpstreamError),
    rule(FaultKind::FirstByteTimeout, "first_byte_timeout", Blame::ChannelModel, Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamTimeout),
    rule(FaultKind::IdleTimeout,      "idle_timeout",       Blame::ChannelModel, Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamTimeout),
    // A client may set the total itself (`x-router-timeout-ms`): it must not be able to trip a breaker with it.
    rule(FaultKind::TotalTimeout,     "total_timeout",      Blame::Provider,     Scope::None,         StayAway::No,          Elsewhere::Nowhere,       false, false, ErrorCode::UpstreamTimeout),
    rule(FaultKind::ClosedEarly,      "closed_early",       Blame::Provider,     Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::Cut,              "cut",                Blame::Provider,     Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamBadResponse),
    rule(FaultKind::EmptyAnswer,      "empty_answer",       Blame::ChannelModel, Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamBadResponse),
    rule(FaultKind::BadAnswer,        "bad_answer",         Blame::ChannelModel, Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamBadResponse),
    rule(FaultKind::Redirect,         "redirect",           Blame::Channel,      Scope::Channel,      StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamBadResponse),
    rule(FaultKind::KeyInvalid,       "key_invalid",        Blame::Key,          Scope::Key,          StayAway::UntilFixed,  Elsewhere::Any,           true,  false, ErrorCode::NoChannelAvailable),
    rule(FaultKind::KeyBilling,       "key_billing",        Blame::Key,          Scope::Key,          StayAway::UntilFixed,  Elsewhere::Any,           true,  false, ErrorCode::NoChannelAvailable),
    // Another key of the channel may have access; its success ends the cooldown.
    rule(FaultKind::ModelUnavailable, "model_unavailable",  Blame::ChannelModel, Scope::ChannelModel, StayAway::UntilFixed,  Elsewhere::Any,           true,  false, ErrorCode::NoChannelAvailable),
    rule(FaultKind::RateLimited,      "rate_limited",       Blame::Key,          Scope::KeyModel,     StayAway::RateLimited, Elsewhere::Any,           true,  false, ErrorCode::RateLimitExceeded),
    rule(FaultKind::TooLargeForLimit, "too_large_for_limit", Blame::Channel,     Scope::None,         StayAway::No,          Elsewhere::Any,           false, false, ErrorCode::ContextLengthExceeded),
    rule(FaultKind::Overloaded,       "overloaded",         Blame::Provider,     Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::Temporary,        "temporary",          Blame::Provider,     Scope::ChannelModel, StayAway::Temporary,   Elsewhere::Any,           false, true,  ErrorCode::UpstreamError),
    rule(FaultKind::InvalidRequest,   "invalid_request",    Blame::Client,       Scope::None,         StayAway::No,          Elsewhere::Nowhere,       false, false, ErrorCode::InvalidValue),
    rule(FaultKind::ContextLength,    "context_length",     Blame::Client,       Scope::None,         StayAway::No,          Elsewhere::LongerContext, false, false, ErrorCode::ContextLengthExceeded),
    rule(FaultKind::ContentPolicy,    "content_policy",     Blame::Client,       Scope::None,         StayAway::No,          Elsewhere::OtherProvider, false, false, ErrorCode::ContentPolicy),
    rule(FaultKind::Unsupported,      "unsupported",        Blame::ChannelModel, Scope::None,         StayAway::No,          Elsewhere::Any,           false, false, ErrorCode::UnsupportedParameter),
    rule(FaultKind::ForeignState,     "foreign_state",      Blame::ChannelModel, Scope::None,         StayAway::No,          Elsewhere::Any,           true,  false, ErrorCode::InvalidValue),
    rule(FaultKind::ModelOutput,      "model_output",       Blame::ChannelModel, Scope::None,         StayAway::No,          Elsewhere::Any,           false, false, ErrorCode::UpstreamBadResponse),
    rule(FaultKind::BreakerOpen,      "breaker_open",       Blame::Provider,     Scope::None,         StayAway::No,          Elsewhere::Any,           false, false, ErrorCode::NoChannelAvailable),
    // Nothing to wait for, and nothing that a breaker could learn: the configuration is wrong, and every such request says so.
    rule(FaultKind::Loop,             "loop",               Blame::Router,       Scope::None,         StayAway::No,          Elsewhere::Any,           false, false, ErrorCode::LoopDetected),
    rule(FaultKind::Internal,         "internal",           Blame::Router,       Scope::None,         StayAway::No,          Elsewhere::Nowhere,       false, false, ErrorCode::InternalError),
];

#[expect(clippy::too_many_arguments, reason = "one column each; only the table above calls it")]
const fn rule(
    kind: FaultKind,
    class: &'static str,
    blame: Blame,
    scope: Scope,
    stay_away: StayAway,
    elsewhere: Elsewhere,
    other_key: bool,
    counts: bool,
    error: ErrorCode,
) -> Rule {
    Rule { kind, class, blame, scope, stay_away, elsewhere, other_key, counts, error }
}

impl FaultKind {
    /// What follows from this kind.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        const LAST: &Rule = match RULES.last() {
            Some(rule) => rule,
            None => &rule(
                FaultKind::Internal,
                "internal",
                Blame::Router,
                Scope::None,
                StayAway::No,
                Elsewhere::Nowhere,
                false,
                false,
                ErrorCode::InternalError,
            ),
        };
        RULES.get(self as usize).unwrap_or(LAST)
    }

    /// The stable word for rows and metrics.
    #[must_use]
    pub fn class(self) -> &'static str {
        self.rule().class
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_finds_its_own_line() {
        for (place, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.kind as usize, place, "{} stands in the wrong place", rule.class);
            assert_eq!(rule.kind.rule().class, rule.class);
        }
        assert_eq!(RULES.len(), FaultKind::Internal as usize + 1, "a kind has no line");
    }

    #[test]
    fn class_words_are_unique_snake_case() {
        let words: HashSet<_> = RULES.iter().map(|rule| rule.class).collect();
        assert_eq!(words.len(), RULES.len());
        for word in words {
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{word}");
        }
    }

    #[test]
    fn a_clients_fault_moves_nothing() {
        for rule in RULES.iter().filter(|rule| rule.blame == Blame::Client) {
            assert!(!rule.counts && rule.scope == Scope::None && rule.stay_away == StayAway::No, "{}", rule.class);
            assert_eq!(rule.error.rule().status, 400, "{}", rule.class);
            assert_ne!(rule.elsewhere, Elsewhere::Any, "{}", rule.class);
        }
    }

    #[test]
    fn a_scope_and_a_stay_away_come_together() {
        for rule in RULES {
            assert_eq!(rule.scope == Scope::None, rule.stay_away == StayAway::No, "{}", rule.class);
        }
    }

    #[test]
    fn a_providers_refusal_of_our_key_is_never_the_clients() {
        for kind in [FaultKind::KeyInvalid, FaultKind::KeyBilling] {
            let status = kind.rule().error.rule().status;
            assert!(status >= 500, "{}", kind.class());
        }
    }

    #[test]
    fn the_pair_of_key_and_model_has_a_cell_where_there_are_several_keys() {
        assert_eq!(Scope::KeyModel.cell(1), Some(Cell::ChannelModel));
        assert_eq!(Scope::KeyModel.cell(2), Some(Cell::KeyModel));
        assert_eq!(Scope::Key.cell(1), Some(Cell::Key));
        assert_eq!(Scope::ChannelModel.cell(5), Some(Cell::ChannelModel));
        assert_eq!(Scope::Channel.cell(5), Some(Cell::Channel));
        assert_eq!(Scope::None.cell(5), None);
    }
}
