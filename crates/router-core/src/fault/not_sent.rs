//! Attempts that were never sent, because something of ours stood in their way.

use super::{Fault, FaultKind};

/// What stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotSent {
    /// The circuit breaker lets no more probes through.
    NoProbe,
    /// The channel's limit, or what leaves room for the others.
    ChannelFull,
    /// The provider key's limit.
    KeyFull,
    /// The group member's limit.
    MemberFull,
    /// A budget, while another candidate may fit.
    NoMoney,
}

impl NotSent {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NoProbe, Self::ChannelFull, Self::KeyFull, Self::MemberFull, Self::NoMoney];

    /// In words: the detail of such an attempt in its row.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoProbe => "the circuit breaker lets no more probes through",
            Self::ChannelFull => "our own limit for this channel is reached",
            Self::KeyFull => "our own limit for this provider key is reached",
            Self::MemberFull => "the group's daily limit for this member is reached",
            Self::NoMoney => "a budget that counts it has no room for what it may cost",
        }
    }

    /// What a detail of a row says.
    #[must_use]
    pub fn parse(detail: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == detail)
    }

    /// Whether another key of the same channel may be sent what this one was not.
    #[must_use]
    pub const fn is_of_the_key(self) -> bool {
        matches!(self, Self::KeyFull)
    }

    /// The fault that such an attempt ends with.
    #[must_use]
    pub fn fault(self) -> Fault {
        let kind = match self {
            Self::NoProbe => FaultKind::BreakerOpen,
            Self::NoMoney => FaultKind::TooLargeForLimit,
            Self::ChannelFull | Self::KeyFull | Self::MemberFull => FaultKind::RateLimited,
        };
        Fault { not_sent: Some(self), ..Fault::new(kind, self.as_str()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_them_apart() {
        for known in NotSent::ALL {
            assert_eq!(NotSent::parse(known.as_str()), Some(known));
            assert_eq!(known.fault().not_sent, Some(known));
        }
        assert_eq!(NotSent::parse("slow down"), None);
        assert_eq!(Fault::new(FaultKind::RateLimited, "slow down").not_sent, None);
    }
}
