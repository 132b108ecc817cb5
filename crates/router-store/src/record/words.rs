//! Words of rows: how a request ended, where its counts come from.

use serde::{Deserialize, Serialize};

/// How a request ended. One of these per terminal row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// The client got a whole answer.
    Completed,
    /// The client got an error, or a stream that ended with an error event.
    #[default]
    Error,
    /// The client left first.
    ClientClosed,
    /// One of the deadlines passed.
    Timeout,
    /// The router shut down before the request could finish.
    Shutdown,
    /// The process died while the request ran; booked at its reservation by the next start.
    Interrupted,
}

impl RequestStatus {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::Error, Self::ClientClosed, Self::Timeout, Self::Shutdown, Self::Interrupted];

    /// The name used in the database, the API and the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Error => "error",
            Self::ClientClosed => "client_closed",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::Interrupted => "interrupted",
        }
    }

    /// The inverse of [`Self::as_str`]; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Where the token counts of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokensSource {
    /// The provider said so.
    Reported,
    /// Counted by us from what passed.
    Counted,
    /// Estimated by us.
    #[default]
    Estimated,
}

impl TokensSource {
    /// The name used in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }

    /// The inverse of [`Self::as_str`]; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reported, Self::Counted, Self::Estimated].into_iter().find(|source| source.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for status in RequestStatus::ALL {
            assert_eq!(RequestStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{}\"", status.as_str()));
        }
        assert_eq!(RequestStatus::parse("Completed"), None);
        assert_eq!(TokensSource::parse("counted"), Some(TokensSource::Counted));
        assert_eq!(TokensSource::parse(""), None);
    }
}
