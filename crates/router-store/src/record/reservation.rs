//! The reservation made before the first upstream byte.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{BudgetScope, LedgerEntry, RequestRecord, RequestStatus, TokensSource, is_default};

/// The reservation of a request: appended to the spool before the first upstream byte.
///
/// It carries enough to write an `interrupted` row if the process dies before the settlement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reservation<'a> {
    /// Our request id; one terminal row exists per id.
    #[serde(skip_serializing_if = "is_default")]
    pub request_id: Cow<'a, str>,
    /// When the request came in, unix milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub at_ms: i64,
    /// The upper bound of the cost, nano-USD.
    #[serde(skip_serializing_if = "is_default")]
    pub amount_nano: i64,
    /// Every budget that the amount is reserved in.
    #[serde(skip_serializing_if = "is_default")]
    pub scopes: Vec<BudgetScope>,
    /// The id that the client sent, if it differs.
    #[serde(skip_serializing_if = "is_default")]
    pub client_request_id: Option<Cow<'a, str>>,
    /// Id of the client key.
    #[serde(skip_serializing_if = "is_default")]
    pub key_id: Cow<'a, str>,
    /// Name of the client key at that time.
    #[serde(skip_serializing_if = "is_default")]
    pub key_name: Cow<'a, str>,
    /// The matched route, for example `/v1/chat/completions`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Cow<'a, str>,
    /// The client's dialect.
    #[serde(skip_serializing_if = "is_default")]
    pub dialect: Cow<'a, str>,
    /// The model name that the client asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub model: Cow<'a, str>,
    /// The model group, if one was asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub group: Option<Cow<'a, str>>,
    /// The first channel in the plan.
    #[serde(skip_serializing_if = "is_default")]
    pub channel: Option<Cow<'a, str>>,
    /// Whether the client asked for a stream.
    #[serde(skip_serializing_if = "is_default")]
    pub stream: bool,
    /// Number of the configuration that the request saw.
    #[serde(skip_serializing_if = "is_default")]
    pub config_version: i64,
}

impl Reservation<'_> {
    /// The terminal row of a request whose process died: booked in full at the reserved amount.
    #[must_use]
    pub fn interrupted(self) -> RequestRecord {
        let ledger = self
            .scopes
            .into_iter()
            .map(|scope| LedgerEntry {
                scope_kind: scope.scope_kind,
                scope_id: scope.scope_id,
                period: scope.period,
                amount_nano: self.amount_nano,
            })
            .collect();
        RequestRecord {
            id: self.request_id.into_owned(),
            client_request_id: self.client_request_id.map(Cow::into_owned),
            key_id: self.key_id.into_owned().into(),
            key_name: self.key_name.into_owned().into(),
            endpoint: self.endpoint.into_owned().into(),
            dialect: self.dialect.into_owned().into(),
            model: self.model.into_owned(),
            group: self.group.map(|group| group.into_owned().into()),
            channel: self.channel.map(|channel| channel.into_owned().into()),
            status: RequestStatus::Interrupted,
            error_code: Some("interrupted".into()),
            error_class: Some("interrupted".into()),
            stream: self.stream,
            tokens_source: TokensSource::Estimated,
            cost_nano: self.amount_nano,
            reserved_nano: self.amount_nano,
            config_version: self.config_version,
            created_at: self.at_ms,
            ledger,
            ..RequestRecord::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_row_books_the_whole_reservation_in_every_scope() {
        let scope =
            |kind: &str| BudgetScope { scope_kind: kind.into(), scope_id: "k".into(), period: "2026-11".into() };
        let row = Reservation {
            request_id: "r".into(),
            amount_nano: 7,
            scopes: vec![scope("key"), scope("router")],
            ..Reservation::default()
        }
        .interrupted();
        assert_eq!((row.status, row.cost_nano, row.reserved_nano), (RequestStatus::Interrupted, 7, 7));
        assert_eq!(row.ledger.iter().map(|entry| entry.amount_nano).collect::<Vec<_>>(), [7, 7]);
    }
}
