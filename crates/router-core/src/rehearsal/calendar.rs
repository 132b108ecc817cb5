//! What is to happen when: events by time, those of one time in the order in which they were made.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens to a running request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The first content of that attempt's answer comes.
    First(u32),
    /// That attempt's answer ends.
    End(u32),
    /// A deadline of that attempt may have come.
    Alarm(u32),
    /// That attempt has been silent for so long that another may start beside it.
    Hedge(u32),
    /// Its client leaves.
    Leaves,
    /// It has waited in the queue, and now it may run.
    Admitted,
    /// It has waited in the queue for as long as it may.
    QueueTimeout,
}

/// The events to come.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    /// Time, number of the event, number of the request.
    events: BinaryHeap<Reverse<(u64, u64, u64, Due)>>,
    next: u64,
}

impl Calendar {
    /// Notes an event of a request; one at the end of time never comes.
    pub(super) fn add(&mut self, at_ms: u64, request: u64, due: Due) {
        if at_ms < u64::MAX {
            self.events.push(Reverse((at_ms, self.next, request, due)));
            self.next += 1;
        }
    }

    /// The next event that is due no later than `until_ms`: its time, its request, itself.
    pub(super) fn pop(&mut self, until_ms: u64) -> Option<(u64, u64, Due)> {
        let Reverse((at_ms, ..)) = self.events.peek()?;
        if *at_ms > until_ms {
            return None;
        }
        self.events.pop().map(|Reverse((at_ms, _, request, due))| (at_ms, request, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_in_the_order_in_which_they_were_made() {
        let mut calendar = Calendar::default();
        calendar.add(5, 1, Due::Leaves);
        calendar.add(3, 2, Due::End(1));
        calendar.add(5, 0, Due::First(1));
        calendar.add(u64::MAX, 9, Due::Leaves);
        assert_eq!(calendar.pop(2), None);
        assert_eq!(calendar.pop(5), Some((3, 2, Due::End(1))));
        assert_eq!(calendar.pop(5), Some((5, 1, Due::Leaves)));
        assert_eq!(calendar.pop(u64::MAX), Some((5, 0, Due::First(1))));
        assert_eq!(calendar.pop(u64::MAX), None);
    }
}
