//! What an attempt takes of channel, model and key before it is sent, and what it tells them when it has ended.

use std::sync::Arc;

use super::bodies::Body;
use super::room::Room;
use super::{ChannelCell, KeyCell, Limited, Target, World};
use crate::ask::Ask;
use crate::catalog::Snapshot;
use crate::fault::{Blame, Cell, Fault, FaultKind, NotSent};
use crate::health::{Health, InFlight, Pass, Shape};
use crate::request::{Event, Metered, Outcome};

/// What a running attempt holds. Dropping it gives back what was not used up.
#[derive(Debug)]
#[must_use = "dropping it ends the attempt"]
pub struct Holding {
    target: Target,
    /// Of the breakers of channel model and channel.
    passes: [Option<Pass>; 2],
    room: Room,
    /// On channel model, channel, and key where its channel has several.
    _running: [Option<InFlight>; 3],
    /// Where it counts.
    _body: Option<Body>,
}

/// How an attempt ended, and when.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What ended it.
    pub event: &'a Event,
    /// How its answer comes; `None`: it is a question of the router's own, whose times say nothing of others'.
    pub shape: Option<Shape>,
    /// When it was sent, when its first content came, and when it ended: milliseconds since the request came.
    pub began_ms: u64,
    /// `None`: no content came.
    pub first_byte_ms: Option<u64>,
    /// See `began_ms`.
    pub ended_ms: u64,
    /// The whole time that the request has.
    pub total_ms: u64,
    /// When it ended; unix milliseconds.
    pub now_ms: u64,
    /// The request's seed.
    pub seed: u64,
    /// Until when nothing is left of the provider's limits, as a good answer says; unix milliseconds.
    pub spent_until_ms: Option<u64>,
}

/// What became of an attempt, in a word of rows and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// `completed`, `client_closed`, `outrun`, or the fault's class.
    pub outcome: &'static str,
    /// Of a good answer: milliseconds from sending to its first content.
    pub first_ms: Option<u64>,
}

impl World {
    /// Takes what an attempt needs: leave of both breakers, room in the limits of channel, key and group member. With
    /// `last_resort` nobody else can serve the request, so that an open breaker may let it probe before its time.
    ///
    /// # Errors
    /// The fault of an attempt that was never sent; nothing is held then.
    pub fn take(
        &self,
        core: &Snapshot,
        ask: &Ask,
        target: &Target,
        last_resort: bool,
        now_ms: u64,
    ) -> Result<Holding, Fault> {
        let (model, channel) = self.model_and_channel(core, target)?;
        if channel.keys.get(target.key).is_none() {
            return Err(missing("no such key"));
        }
        let pass = |of: &Health| {
            let pass = self.pass(of, last_resort, now_ms);
            pass.ok_or_else(|| NotSent::NoProbe.fault())
        };
        let passes = [Some(pass(model)?), Some(pass(&channel.state.health)?)];
        let _running = running(model, channel, target);
        let several = core.channels().len() > 1;
        let full = self.at_most(channel, several).is_some_and(|most| channel.state.health.in_flight() > most);
        let bodies_at_most = if several { self.rules.bodies_per_channel } else { u64::MAX };
        let _body = channel.state.bodies.enter(ask.body_bytes, bodies_at_most);
        if full || _body.is_none() {
            return Err(Fault { retry_after_ms: Some(1_000), ..NotSent::ChannelFull.fault() });
        }
        let room = self.room(core, (target, channel), ask.tokens(), now_ms)?;
        Ok(Holding { target: target.clone(), passes, room, _running, _body })
    }

    /// As [`World::take`], for an attempt of which is known that there was room: takes what there is of leave and room.
    ///
    /// # Errors
    /// The fault of a target that does not exist.
    pub fn take_as_known(
        &self,
        core: &Snapshot,
        ask: &Ask,
        target: &Target,
        last_resort: bool,
        now_ms: u64,
    ) -> Result<Holding, Fault> {
        let (model, channel) = self.model_and_channel(core, target)?;
        let passes = [model, &channel.state.health].map(|of| self.pass(of, last_resort, now_ms));
        let room = self.room_as_known(core, (target, channel), ask.tokens(), now_ms);
        let _running = running(model, channel, target);
        // No log says how large a body was.
        let _body = None;
        Ok(Holding { target: target.clone(), passes, room, _running, _body })
    }

    fn model_and_channel(&self, core: &Snapshot, target: &Target) -> Result<(&Arc<Health>, &Arc<ChannelCell>), Fault> {
        let model = self.model(target.model).ok_or_else(|| missing("no such model"))?;
        let channel = self.channel_of(core, target.model).ok_or_else(|| missing("no such channel"))?;
        Ok((model, channel))
    }

    /// The group's member, where it has a daily limit.
    pub(super) fn member(&self, target: &Target) -> Option<&Limited> {
        self.group(target.group?)?.members.get(&target.model)
    }

    /// Leave of a breaker.
    fn pass(&self, of: &Health, last_resort: bool, now_ms: u64) -> Option<Pass> {
        let (breaker, config) = (&of.breaker, &self.rules.breaker);
        if last_resort { breaker.pass_early(config, now_ms) } else { breaker.pass(config, now_ms) }
    }
}

fn running(model: &Arc<Health>, channel: &ChannelCell, target: &Target) -> [Option<InFlight>; 3] {
    let key = one_of_several(channel, target);
    [Some(model.enter()), Some(channel.state.health.enter()), key.map(|key| key.health.enter())]
}

/// The key of an attempt, where its channel has several: of a single one everything but its cooldown is the channel's.
fn one_of_several<'a>(channel: &'a ChannelCell, target: &Target) -> Option<&'a KeyCell> {
    channel.keys.get(target.key).filter(|_| channel.keys.len() > 1)
}

fn missing(what: &str) -> Fault {
    Fault::new(FaultKind::Internal, what)
}

impl Holding {
    /// Where the attempt goes.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the attempt probes a half-open breaker: of its channel model, of its channel.
    #[must_use]
    pub fn probes(&self) -> [bool; 2] {
        self.passes.each_ref().map(|pass| pass.as_ref().is_some_and(Pass::is_probe))
    }

    /// Tells breaker, cooldown, averages and limits how the attempt went. `None` of events that end no attempt.
    pub fn report(mut self, world: &World, core: &Snapshot, ended: &Ended<'_>) -> Option<Reported> {
        let outcome = |outcome| Some(Reported { outcome, first_ms: None });
        match ended.event {
            Event::Ended(metered) => Some(self.succeeded(world, core, metered.as_ref(), ended)),
            Event::Failed(fault, metered) => {
                self.failed(world, core, fault, ended);
                self.correct(metered.as_ref(), ended.now_ms);
                outcome(fault.kind.class())
            }
            Event::Deadline(metered) => {
                // The machine decides which deadline it was; the total is the client's affair and moves nothing.
                let total = ended.ended_ms >= ended.total_ms;
                let kind = match (total, ended.first_byte_ms) {
                    (true, _) => FaultKind::TotalTimeout,
                    (false, Some(_)) => FaultKind::IdleTimeout,
                    (false, None) => FaultKind::FirstByteTimeout,
                };
                self.failed(world, core, &Fault::new(kind, ""), ended);
                self.correct(metered.as_ref(), ended.now_ms);
                outcome(kind.class())
            }
            Event::ClientGone(metered) | Event::Shutdown(metered) => {
                self.correct(metered.as_ref(), ended.now_ms);
                outcome("client_closed")
            }
            Event::Outrun(metered) => {
                self.outrun(world, core, ended);
                self.correct(metered.as_ref(), ended.now_ms);
                outcome(Outcome::Outrun.as_str())
            }
            Event::Start | Event::FirstByte | Event::Content => None,
        }
    }

    fn outrun(&self, world: &World, core: &Snapshot, ended: &Ended<'_>) {
        let silent_ms = ended.ended_ms.saturating_sub(ended.began_ms);
        if let Some((model, channel)) = world.model(self.target.model).zip(world.channel_of(core, self.target.model)) {
            for health in [model, &channel.state.health] {
                ended.shape.into_iter().for_each(|shape| health.outrun(shape, silent_ms, ended.now_ms));
            }
        }
    }

    fn correct(&mut self, metered: Option<&Metered>, now_ms: u64) {
        self.room.correct(metered.map_or(0, |metered| metered.usage.total()), now_ms);
    }

    fn succeeded(&mut self, world: &World, core: &Snapshot, metered: Option<&Metered>, ended: &Ended<'_>) -> Reported {
        let whole_ms = ended.ended_ms.saturating_sub(ended.began_ms);
        let first_ms = ended.first_byte_ms.map_or(whole_ms, |first| first.saturating_sub(ended.began_ms));
        let output = metered.map_or(0, |metered| metered.usage.output);
        if let Some((model, channel)) = world.model(self.target.model).zip(world.channel_of(core, self.target.model)) {
            for health in [model, &channel.state.health] {
                health.answered(ended.shape, first_ms, whole_ms, output, ended.now_ms);
            }
            if let Some(key) = channel.keys.get(self.target.key) {
                let sent_ms = ended.now_ms.saturating_sub(whole_ms);
                key.health.cooldown.success(sent_ms);
                let pair = world.pair(self.target.model, self.target.key);
                if let Some(pair) = pair {
                    pair.success(sent_ms);
                    key.health.success.record(true, Health::TAU_MS, ended.now_ms);
                }
                if let Some(until_ms) = ended.spent_until_ms {
                    // Limits are counted for the pair of key and model.
                    let cooldown = pair.map_or(&model.cooldown, Arc::as_ref);
                    cooldown.spent(until_ms, &world.rules.cooldown, ended.now_ms);
                }
            }
        }
        for pass in &mut self.passes {
            settle_pass(pass, world, true, ended);
        }
        self.correct(metered, ended.now_ms);
        Reported { outcome: "completed", first_ms: Some(first_ms) }
    }

    fn failed(&mut self, world: &World, core: &Snapshot, fault: &Fault, ended: &Ended<'_>) {
        let rule = fault.rule();
        let Some((model, channel)) = world.model(self.target.model).zip(world.channel_of(core, self.target.model))
        else {
            return;
        };
        let cell = rule.scope.cell(channel.keys.len());
        let cooldown = match cell {
            None => None,
            Some(Cell::Key) => channel.keys.get(self.target.key).map(|key| &key.health.cooldown),
            Some(Cell::KeyModel) => world.pair(self.target.model, self.target.key).map(Arc::as_ref),
            Some(Cell::ChannelModel) => Some(&model.cooldown),
            Some(Cell::Channel) => Some(&channel.state.health.cooldown),
        };
        if let Some(cooldown) = cooldown {
            let _ = cooldown.fault(fault, &world.rules.cooldown, ended.now_ms, ended.seed);
        }
        if let Some(key) = one_of_several(channel, &self.target).filter(|_| rule.counts || rule.blame == Blame::Key) {
            key.health.failed(ended.now_ms);
        }
        if rule.counts {
            model.failed(ended.now_ms);
            channel.state.health.failed(ended.now_ms);
            // One broken model opens its own breaker, not that of the models beside it.
            let [of_model, of_channel] = &mut self.passes;
            let pass = if cell == Some(Cell::Channel) { of_channel } else { of_model };
            settle_pass(pass, world, false, ended);
        }
    }
}

/// A pass that is only dropped says nothing: a client's own fault is neutral.
fn settle_pass(pass: &mut Option<Pass>, world: &World, success: bool, ended: &Ended<'_>) {
    if let Some(pass) = pass.take() {
        let _ = pass.record(success, &world.rules.breaker, ended.now_ms, ended.seed);
    }
}
