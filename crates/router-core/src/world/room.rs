//! Room in the limits of all that an attempt goes through: of channel, provider key and group member together, or of none.

use std::sync::Arc;

use super::{ChannelCell, Limited, Target, World};
use crate::budget::{Period, Window};
use crate::catalog::Snapshot;
use crate::fault::{Fault, NotSent};
use crate::limits::{Limiter, Limits, Ticket};

/// What a running attempt holds of limits: of channel, key and member.
#[derive(Debug, Default)]
pub(super) struct Room([Option<Ticket>; 3]);

/// A limit that counts an attempt.
struct Counted<'a> {
    limiter: &'a Arc<Limiter>,
    limits: &'a Limits,
    tokens: u64,
    /// Says that it is reached.
    full: NotSent,
}

impl World {
    /// Takes an attempt of about `tokens` tokens from every limit that counts it, or from none.
    pub(super) fn room(
        &self,
        core: &Snapshot,
        at: (&Target, &ChannelCell),
        tokens: u64,
        now_ms: u64,
    ) -> Result<Room, Fault> {
        let (mut room, counted) = (Room::default(), self.counted(at, tokens));
        let Some(day) = day(core, &counted, now_ms) else { return Ok(room) };
        for (ticket, of) in room.0.iter_mut().zip(&counted) {
            let Some(of) = of else { continue };
            match of.limiter.acquire(of.limits, of.tokens, &day, now_ms, now_ms) {
                Ok(taken) => *ticket = Some(taken),
                Err(refusal) => {
                    room.undo(now_ms);
                    return Err(Fault { retry_after_ms: refusal.retry_after_ms, ..of.full.fault() });
                }
            }
        }
        Ok(room)
    }

    /// As [`Self::room`], for an attempt of which is known that there was room: takes what there is.
    pub(super) fn room_as_known(&self, core: &Snapshot, at: (&Target, &ChannelCell), tokens: u64, now_ms: u64) -> Room {
        let counted = self.counted(at, tokens);
        let Some(day) = day(core, &counted, now_ms) else { return Room::default() };
        Room(counted.map(|of| {
            let of = of?;
            of.limiter.acquire(of.limits, of.tokens, &day, now_ms, now_ms).ok()
        }))
    }

    fn counted<'a>(&'a self, (target, channel): (&Target, &'a ChannelCell), tokens: u64) -> [Option<Counted<'a>>; 3] {
        let of = |Limited { limiter, limits }: &'a Limited, tokens, full| Counted { limiter, limits, tokens, full };
        let of_channel =
            || Counted { limiter: &channel.state.limiter, limits: &channel.limits, tokens, full: NotSent::ChannelFull };
        let key = channel.keys.get(target.key).and_then(|key| key.limited.as_ref());
        [
            channel.has_limits().then(of_channel),
            key.map(|key| of(key, tokens, NotSent::KeyFull)),
            // A member's limit counts no tokens.
            self.member(target).map(|member| of(member, 0, NotSent::MemberFull)),
        ]
    }
}

/// The present day, where anything counts.
fn day(core: &Snapshot, counted: &[Option<Counted<'_>>], now_ms: u64) -> Option<Window> {
    counted.iter().any(Option::is_some).then(|| Window::at(Period::Day, core.zone(), now_ms))
}

impl Room {
    /// Replaces the estimate by the true number of tokens.
    pub(super) fn correct(&mut self, tokens: u64, now_ms: u64) {
        let [channel, key, _] = &mut self.0;
        for ticket in [channel, key].into_iter().flatten() {
            ticket.correct(tokens, now_ms);
        }
    }

    fn undo(self, now_ms: u64) {
        for ticket in self.0.into_iter().flatten() {
            ticket.undo(now_ms);
        }
    }
}
