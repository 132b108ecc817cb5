//! Whether the books agree: rows, ledger, counters.

use std::collections::HashMap;

use router_store::{RequestRecord, RequestStatus, Store};

use crate::client::{Answer, Call};

/// What became of a request, as its client saw it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A whole, good answer of this cost.
    Answered(i64),
    /// The connection ended first.
    Lost,
    /// A refusal because the books could not be written: it may have a row, without cost.
    Refused,
}

/// What a client sent and saw, by `x-request-id`.
pub(crate) type Diary = HashMap<String, Seen>;

/// Notes an answer or its absence.
pub(crate) fn note(diary: &mut Diary, call: Call, answer: &std::io::Result<Answer>) {
    let seen = match answer {
        Ok(answer) => {
            answer.assert_good();
            Seen::Answered(answer.cost_nano())
        }
        Err(_) => Seen::Lost,
    };
    assert!(diary.insert(call.id, seen).is_none(), "an id was used twice");
}

/// Counts of a comparison, for the eye.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: usize,
    pub(crate) lost: usize,
    pub(crate) interrupted: usize,
    pub(crate) failed_over: usize,
}

/// Compares the rows with what the clients saw: an answer has one row, completed, at its cost; a lost request one row or
/// none, and an interrupted one is booked at its reservation; no row is without its request.
pub(crate) fn compare(diary: &Diary, rows: &[RequestRecord]) -> Tally {
    let mut tally = Tally::default();
    let mut by_id: HashMap<&str, &RequestRecord> = HashMap::new();
    for row in rows {
        let id = row.client_request_id.as_deref().unwrap_or_else(|| panic!("a row without its client's id: {row:?}"));
        assert!(diary.contains_key(id), "a row that nobody asked for: {row:?}");
        let twin = by_id.insert(id, row);
        assert!(twin.is_none(), "two rows for {id}: {row:?} and {twin:?}");
    }
    for (id, seen) in diary {
        let row = by_id.get(id.as_str());
        match (seen, row) {
            (Seen::Answered(cost), Some(row)) => {
                tally.answered += 1;
                tally.failed_over += usize::from(row.attempts.len() > 1);
                assert_eq!(row.status, RequestStatus::Completed, "{row:?}");
                assert_eq!(row.cost_nano, *cost, "{row:?}");
            }
            (Seen::Answered(_), None) => {
                panic!("the answer to {id} has no row ({} rows, {} requests)", rows.len(), diary.len())
            }
            (Seen::Refused, row) => {
                let fine = row.is_none_or(|row| row.cost_nano == 0 && row.status == RequestStatus::Error);
                assert!(fine, "{row:?}");
            }
            (Seen::Lost, None) => tally.lost += 1,
            (Seen::Lost, Some(row)) => {
                tally.lost += 1;
                match row.status {
                    RequestStatus::Completed => {}
                    RequestStatus::Interrupted => {
                        tally.interrupted += 1;
                        assert!(row.reserved_nano > 0 && row.cost_nano == row.reserved_nano, "{row:?}");
                    }
                    other => panic!("{other:?} at a kill: {row:?}"),
                }
            }
        }
    }
    tally
}

/// Counters are the sums of the ledger, and the ledger holds of each row exactly its cost: for the router's budget, and
/// for the client key's.
pub(crate) async fn assert_balanced(store: &Store) {
    assert_eq!(store.budget_differences().await.expect("the books"), []);
    for scope in ["router", "key"] {
        let differences = store.ledger_differences(scope, "____-__-__").await.expect("the books");
        assert_eq!(differences, [], "{scope}");
    }
}
