//! How long the writer waits for an answer within a batch.

use std::time::Duration;

use crate::error::StoreResult;

/// As long as nothing speaks against it. A line that died without a word is noticed by nothing but this.
const FIRST: Duration = Duration::from_secs(2);

/// Short, until a database that takes batches on turns out to be slow.
#[derive(Debug)]
pub(super) struct Patience {
    time: Duration,
    most: Duration,
}

impl Patience {
    pub(super) fn new(most: Duration) -> Self {
        Self { time: FIRST.min(most), most }
    }

    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// What a batch that took so long tells. No answer: twice as long the next time, since the database may only be slow. Any other
    /// failure, or a quick batch: back to the beginning. A batch that needed the longer time leaves it.
    pub(super) fn learn(&mut self, written: &StoreResult<()>, took: Duration) {
        match written {
            Err(error) if error.is_silence() => self.time = (self.time * 2).min(self.most),
            Ok(()) if took >= FIRST => {}
            _ => self.time = FIRST.min(self.most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{IDLE_IN_TRANSACTION, StoreOptions};
    use crate::error::{StoreError, StoreErrorKind};
    use crate::writer::WriterOptions;

    #[test]
    fn a_slow_database_gets_more_time_and_a_dead_line_does_not() {
        let mut patience = Patience::new(Duration::from_secs(12));
        let mut after = |written: StoreResult<()>, seconds| {
            patience.learn(&written, Duration::from_secs(seconds));
            patience.time().as_secs()
        };
        let silence = || Err(StoreError::silence("nothing"));
        assert_eq!([silence(), silence(), silence()].map(|written| after(written, 2)), [4, 8, 12]);
        assert_eq!(after(Ok(()), 9), 12, "it is slow, and needs that");
        assert_eq!(after(Ok(()), 1), 2);
        assert_eq!(after(silence(), 2), 4);
        // No new connection comes about: there was no database to be slow.
        assert_eq!(after(Err(StoreError::new(StoreErrorKind::Unavailable, "no connection")), 2), 2);
    }

    /// Recovery is promised within five seconds of the line's return, wherever the writer is at that moment.
    #[test]
    fn no_wait_of_the_writer_is_longer_than_what_is_promised() {
        let (writer, store) = (WriterOptions::default(), StoreOptions::default());
        let promised = Duration::from_secs(5);
        // It waits for an answer that was lost; or for the locks of a transaction that was cut off.
        assert!(FIRST.max(IDLE_IN_TRANSACTION) + super::super::FIRST_BACKOFF < promised);
        // Or for a connection that does not come about, and then until it tries again.
        assert!(store.acquire_timeout + writer.max_backoff < promised);
    }
}
