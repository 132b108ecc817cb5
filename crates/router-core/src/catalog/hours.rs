//! Hours of the day and weekdays in a zone, answered at the price of one atomic word.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::budget::Zone;

const MINUTE_MS: u64 = 60_000;

/// When something holds: at certain hours of certain weekdays. Hours may pass midnight; the part after midnight belongs
/// to the day on which they began.
#[derive(Debug)]
pub struct Hours {
    zone: Zone,
    /// Start and end in minutes after midnight; start included, end not. Equal: the whole day.
    hours: (u16, u16),
    /// Bit 0 is Monday.
    weekdays: u8,
    /// The answer for one minute, since the calendar is slow and the next thousand requests ask the same: minute since
    /// 1970 + 1, then one bit. Never more than a memory of what [`Hours::judge`] says.
    memo: AtomicU64,
}

impl Hours {
    /// `hours` as start and end in minutes after midnight; `weekdays` with bit 0 for Monday, 0 for every day.
    #[must_use]
    pub const fn new(zone: Zone, hours: (u16, u16), weekdays: u8) -> Self {
        Self { zone, hours, weekdays, memo: AtomicU64::new(0) }
    }

    /// Whether it holds at that moment (Unix milliseconds).
    #[must_use]
    pub fn contains(&self, now_ms: u64) -> bool {
        let minute = now_ms / MINUTE_MS;
        let memo = self.memo.load(Ordering::Relaxed);
        if memo >> 1 == minute + 1 {
            return memo & 1 == 1;
        }
        let holds = self.judge(minute * MINUTE_MS);
        self.memo.store((minute + 1) << 1 | u64::from(holds), Ordering::Relaxed);
        holds
    }

    fn judge(&self, now_ms: u64) -> bool {
        let (weekday, minute) = self.zone.weekday_and_minute(now_ms);
        let on = |day: u8| self.weekdays == 0 || self.weekdays >> day & 1 == 1;
        let (start, end) = self.hours;
        if start == end {
            return on(weekday);
        }
        if start < end {
            return on(weekday) && (start..end).contains(&minute);
        }
        (minute >= start && on(weekday)) || (minute < end && on((weekday + 6) % 7))
    }
}

impl Clone for Hours {
    fn clone(&self) -> Self {
        Self::new(self.zone.clone(), self.hours, self.weekdays)
    }
}
