//! The life of a request, told as stories: events on the left, commands on the right.

use router_core::catalog::spec::Timeouts;
use router_core::fault::{ClientError, ErrorCode, Fault, FaultKind, NotSent};
use router_core::request::{
    Candidate, Command, Event, FinalError, Metered, Outcome, Plan, RequestMachine, RetryBudget, RetryBudgetConfig,
    Status, final_error,
};
use router_core::usage::{Usage, UsageSource};

/// Four candidates: two on channel 0, one on channel 1, one on channel 2 of another provider.
pub(crate) fn candidate(channel: u32, provider: u32, keys: u16, context: u64) -> Candidate {
    let timeouts = Timeouts { first_byte_ms: 100, stream_idle_ms: 50, ..Timeouts::default() };
    Candidate {
        channel,
        provider,
        keys: (0..keys).collect(),
        context_length: (context > 0).then_some(context),
        timeouts,
        hedge_after_ms: None,
    }
}

fn plan(candidates: Vec<Candidate>) -> Plan {
    Plan { candidates, max_attempts: 4, total_ms: 1_000 }
}

fn four() -> Plan {
    plan(vec![candidate(0, 0, 2, 8_000), candidate(0, 0, 2, 32_000), candidate(1, 0, 1, 8_000), candidate(2, 1, 0, 0)])
}

fn failed(kind: FaultKind) -> Event {
    Event::Failed(Fault::new(kind, "as scripted"), None)
}

fn ended() -> Event {
    Event::Ended(Some(tokens(10)))
}

fn tokens(output: u64) -> Metered {
    Metered { usage: Usage { output, ..Usage::default() }, source: UsageSource::Counted }
}

/// A command in one line.
fn line(command: &Command) -> String {
    let end = |terminal: &router_core::request::Terminal| {
        let code = terminal.error.as_ref().map_or("", |error| error.code.name());
        format!("{} {code}", terminal.status.as_str()).trim_end().to_owned()
    };
    match command {
        Command::Wait => "wait".to_owned(),
        Command::Relay => "relay".to_owned(),
        Command::Attempt { attempt, candidate, key } => {
            format!("attempt {attempt}: {candidate}{}", key.map_or(String::new(), |key| format!("/{key}")))
        }
        Command::Complete(terminal) => format!("complete: {}", end(terminal)),
        Command::Answer(terminal) => format!("answer: {}", end(terminal)),
        Command::FailStream(terminal) => format!("fail stream: {}", end(terminal)),
        Command::Stop(terminal) => format!("stop: {}", end(terminal)),
    }
}

/// Plays `(time, event)` and compares each command. Retries are always allowed.
fn check(plan: Plan, story: Vec<(u64, Event, &str)>) -> RequestMachine {
    let mut machine = RequestMachine::new(plan, 0);
    for (now, event, wanted) in story {
        let told = format!("{event:?} at {now}");
        assert_eq!(line(&machine.on(event, now, || true)), wanted, "{told}");
    }
    machine
}

#[test]
fn a_good_answer_in_one_piece() {
    let machine = check(
        four(),
        vec![(0, Event::Start, "attempt 1: 0/0"), (40, Event::FirstByte, "wait"), (60, ended(), "complete: completed")],
    );
    let [attempt] = machine.attempts() else { panic!("one attempt") };
    assert_eq!((attempt.started_ms, attempt.first_byte_ms, attempt.ended_ms), (0, Some(40), Some(60)));
    assert_eq!((attempt.outcome.as_str(), attempt.relayed, attempt.metered), ("completed", false, Some(tokens(10))));
    assert!(machine.is_done() && machine.next_deadline().is_none());
}

#[test]
fn a_good_stream() {
    let mut machine = check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (90, Event::Content, "relay")]);
    assert!(machine.has_relayed());
    assert_eq!(machine.next_deadline(), Some(140), "idle counts now");
    for now in [100, 140, 180] {
        machine.touch(now);
        assert_eq!(machine.next_deadline(), Some(now + 50));
    }
    assert_eq!(line(&machine.on(Event::Content, 181, || true)), "wait", "only the first content commits");
    assert_eq!(line(&machine.on(Event::Deadline(None), 181, || true)), "wait", "too early");
    assert_eq!(line(&machine.on(ended(), 190, || true)), "complete: completed");
    machine.touch(200);
    assert_eq!(machine.next_deadline(), None);
    assert!(machine.into_attempts()[0].relayed);
}

#[test]
fn failover_goes_on_until_one_answers() {
    let machine = check(
        four(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            // the same channel with its other key, since the first may be part of the trouble
            (10, failed(FaultKind::Temporary), "attempt 2: 1/1"),
            (20, failed(FaultKind::EmptyAnswer), "attempt 3: 2/0"),
            (30, Event::FirstByte, "wait"),
            (35, failed(FaultKind::Cut), "attempt 4: 3"),
            (40, Event::Content, "relay"),
            (50, ended(), "complete: completed"),
        ],
    );
    let words: Vec<_> = machine.attempts().iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(words, ["temporary", "empty_answer", "cut", "completed"]);
}

#[test]
fn nothing_is_tried_after_content() {
    check(
        four(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (10, Event::Content, "relay"),
            (20, failed(FaultKind::Cut), "fail stream: error upstream_bad_response"),
            (30, Event::Start, "wait"),
            (30, failed(FaultKind::Cut), "wait"),
            (30, Event::ClientGone(None), "wait"),
        ],
    );
}

#[test]
fn a_key_that_failed_is_never_used_again() {
    check(
        four(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::KeyInvalid), "attempt 2: 0/1"),
            // both keys of channel 0 are out, so candidate 1 is too
            (2, failed(FaultKind::RateLimited), "attempt 3: 2/0"),
            (3, failed(FaultKind::KeyBilling), "attempt 4: 3"),
            // channel 2 has no key; nothing is left. One channel was only busy
            (4, failed(FaultKind::KeyInvalid), "answer: error rate_limit_exceeded"),
        ],
    );
    check(
        plan(vec![candidate(0, 0, 2, 0), candidate(0, 0, 2, 0)]),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::KeyInvalid), "attempt 2: 0/1"),
            // no other candidate has a fresh key, but this one was not at fault
            (2, failed(FaultKind::Temporary), "attempt 3: 1/1"),
            (3, failed(FaultKind::ModelUnavailable), "answer: error upstream_error"),
        ],
    );
}

#[test]
fn a_channel_that_is_down_is_the_last_resort() {
    check(
        plan(vec![candidate(0, 0, 1, 0), candidate(0, 0, 1, 0), candidate(1, 0, 1, 0)]),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::Connect), "attempt 2: 2/0"),
            (2, failed(FaultKind::Overloaded), "attempt 3: 1/0"),
            (3, failed(FaultKind::Connect), "answer: error upstream_error"),
        ],
    );
}

#[test]
fn what_is_full_is_not_tried_by_another_way() {
    for (full, next) in [
        (NotSent::KeyFull, "attempt 2: 0/1"),
        (NotSent::MemberFull, "attempt 2: 1/1"),
        (NotSent::NoProbe, "attempt 2: 1/1"),
        (NotSent::ChannelFull, "attempt 2: 2/0"),
    ] {
        let event = Event::Failed(full.fault(), None);
        check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (0, event, next)]);
    }
}

#[test]
fn where_another_try_makes_sense_depends_on_the_fault() {
    // longer context only; an unknown one may be long enough
    check(
        four(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::ContextLength), "attempt 2: 1/1"),
            (2, failed(FaultKind::ContextLength), "attempt 3: 3"),
            (3, failed(FaultKind::ContextLength), "answer: error context_length_exceeded"),
        ],
    );
    // another provider only
    check(
        four(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::ContentPolicy), "attempt 2: 3"),
            (2, failed(FaultKind::ContentPolicy), "answer: error content_policy"),
        ],
    );
    // nowhere
    for (kind, code) in [(FaultKind::InvalidRequest, "invalid_value"), (FaultKind::Internal, "internal_error")] {
        let answer = format!("answer: error {code}");
        check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (1, failed(kind), &answer)]);
    }
}

#[test]
fn attempts_are_bounded_by_number_and_by_the_retry_budget() {
    let two = Plan { max_attempts: 2, ..four() };
    check(
        two,
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (1, failed(FaultKind::Temporary), "attempt 2: 1/1"),
            (2, failed(FaultKind::BadAnswer), "answer: error upstream_bad_response"),
        ],
    );
    let mut machine = RequestMachine::new(four(), 0);
    machine.on(Event::Start, 0, || panic!("the first attempt is no retry"));
    assert_eq!(line(&machine.on(failed(FaultKind::Temporary), 1, || false)), "answer: error upstream_error");
    let mut machine = RequestMachine::new(four(), 0);
    machine.on(Event::Start, 0, || true);
    let command = machine.on(failed(FaultKind::InvalidRequest), 1, || panic!("no retry would be made"));
    assert_eq!(line(&command), "answer: error invalid_value");
}

#[test]
fn each_attempt_has_its_time_and_all_share_one() {
    let late = || Event::Deadline(Some(tokens(3)));
    let mut machine =
        check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (99, late(), "wait"), (100, late(), "attempt 2: 1/1")]);
    assert_eq!(machine.next_deadline(), Some(200));
    assert_eq!(machine.attempts()[0].outcome.as_str(), "first_byte_timeout");
    // bytes before the first content do not count as content
    machine.touch(199);
    assert_eq!(machine.next_deadline(), Some(200));
    assert_eq!(line(&machine.on(Event::FirstByte, 199, || true)), "wait");
    machine.touch(230);
    assert_eq!(machine.next_deadline(), Some(280));
    assert_eq!(line(&machine.on(late(), 280, || true)), "attempt 3: 2/0");
    assert_eq!(machine.attempts()[1].outcome.as_str(), "idle_timeout");
    assert_eq!(line(&machine.on(late(), 380, || true)), "attempt 4: 3");
    assert_eq!(line(&machine.on(late(), 480, || true)), "answer: timeout upstream_timeout");

    let short = Plan { total_ms: 150, ..four() };
    let machine = check(
        short.clone(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (100, late(), "attempt 2: 1/1"),
            (149, late(), "wait"),
            (150, late(), "answer: timeout upstream_timeout"),
        ],
    );
    assert_eq!(machine.attempts()[1].outcome.as_str(), "total_timeout");
    assert_eq!(machine.attempts()[1].metered, Some(tokens(3)));
    // a fault after the time is over is not followed by another attempt
    check(
        short.clone(),
        vec![(0, Event::Start, "attempt 1: 0/0"), (150, failed(FaultKind::Temporary), "answer: error upstream_error")],
    );
    check(
        short.clone(),
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (90, Event::Content, "relay"),
            (150, late(), "fail stream: timeout upstream_timeout"),
        ],
    );
    check(
        short,
        vec![
            (0, Event::Start, "attempt 1: 0/0"),
            (10, Event::Content, "relay"),
            (60, late(), "fail stream: error upstream_timeout"),
        ],
    );
}

#[test]
fn a_request_that_is_still_being_sent_has_not_been_waited_for() {
    let late = || Event::Deadline(None);
    let mut machine = check(four(), vec![(0, Event::Start, "attempt 1: 0/0")]);
    machine.sending(90);
    assert_eq!(machine.next_deadline(), Some(190));
    assert_eq!(line(&machine.on(late(), 100, || true)), "wait");
    machine.sending(950);
    assert_eq!(machine.next_deadline(), Some(1_000), "the whole time does not move");
    assert_eq!(line(&machine.on(late(), 1_000, || true)), "answer: timeout upstream_timeout");
    // Once bytes have come, it is the answer that is waited for.
    let mut machine = check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (10, Event::FirstByte, "wait")]);
    machine.sending(50);
    assert_eq!(machine.next_deadline(), Some(60));
}

#[test]
fn what_cannot_be_sent_again_is_not_tried_again() {
    let mut machine = check(four(), vec![(0, Event::Start, "attempt 1: 0/0")]);
    machine.last_attempt();
    let command = machine.on(failed(FaultKind::Temporary), 1, || panic!("no retry would be made"));
    assert_eq!(line(&command), "answer: error upstream_error");
    let mut machine =
        check(four(), vec![(0, Event::Start, "attempt 1: 0/0"), (1, failed(FaultKind::Connect), "attempt 2: 2/0")]);
    machine.last_attempt();
    assert_eq!(line(&machine.on(failed(FaultKind::RateLimited), 2, || true)), "answer: error upstream_error");
}

#[test]
fn the_client_leaves_or_the_router_ends() {
    for before in [vec![], vec![(0, Event::Start, "attempt 1: 0/0")]] {
        let mut story = before.clone();
        story.push((5, Event::ClientGone(Some(tokens(2))), "stop: client_closed"));
        let machine = check(four(), story);
        assert_eq!(
            machine.attempts().last().map(|attempt| attempt.outcome.as_str()),
            before.first().map(|_| "client_closed")
        );
        let mut story = before.clone();
        story.push((5, Event::Shutdown(None), "answer: shutdown shutting_down"));
        check(four(), story);
    }
    let relaying = || vec![(0, Event::Start, "attempt 1: 0/0"), (1, Event::Content, "relay")];
    let mut story = relaying();
    story.push((5, Event::ClientGone(Some(tokens(2))), "stop: client_closed"));
    assert_eq!(check(four(), story).attempts()[0].metered, Some(tokens(2)));
    let mut story = relaying();
    story.push((5, Event::Shutdown(None), "fail stream: shutdown shutting_down"));
    let machine = check(four(), story);
    assert!(matches!(machine.attempts()[0].outcome, Outcome::Shutdown));
    assert_eq!(machine.attempts()[0].outcome.as_str(), "shutdown");
}

#[test]
fn without_a_candidate_there_is_no_attempt() {
    let machine = check(plan(vec![]), vec![(0, Event::Start, "answer: error no_channel_available")]);
    assert!(machine.attempts().is_empty());
    assert_eq!(machine.plan().max_attempts, 4);
    let before = RequestMachine::new(four(), 500);
    assert_eq!(before.next_deadline(), Some(1_500));
    check(four(), vec![(0, Event::Content, "wait"), (0, ended(), "wait"), (0, failed(FaultKind::Cut), "wait")]);
}

#[test]
fn the_last_word_is_chosen_over_all_attempts() {
    use FaultKind as K;
    #[rustfmt::skip]
    let table: &[(&[FaultKind], ErrorCode)] = &[
        (&[], ErrorCode::NoChannelAvailable),
        (&[K::Temporary], ErrorCode::UpstreamError),
        (&[K::Temporary, K::BadAnswer], ErrorCode::UpstreamBadResponse),
        (&[K::BadAnswer, K::Temporary], ErrorCode::UpstreamError),
        (&[K::Temporary, K::InvalidRequest], ErrorCode::InvalidValue),
        (&[K::ContextLength, K::Temporary], ErrorCode::UpstreamError),
        (&[K::Temporary, K::ContextLength], ErrorCode::UpstreamError),
        (&[K::Unsupported, K::ContextLength], ErrorCode::ContextLengthExceeded),
        (&[K::Temporary, K::ForeignState], ErrorCode::UpstreamError),
        (&[K::ForeignState], ErrorCode::InvalidValue),
        (&[K::TooLargeForLimit, K::TooLargeForLimit], ErrorCode::ContextLengthExceeded),
        (&[K::RateLimited, K::RateLimited], ErrorCode::RateLimitExceeded),
        (&[K::RateLimited, K::TooLargeForLimit], ErrorCode::RateLimitExceeded),
        (&[K::RateLimited, K::KeyInvalid], ErrorCode::RateLimitExceeded),
        (&[K::RateLimited, K::Temporary], ErrorCode::UpstreamError),
        (&[K::Temporary, K::RateLimited], ErrorCode::UpstreamError),
        (&[K::FirstByteTimeout, K::ConnectTimeout], ErrorCode::UpstreamTimeout),
        (&[K::FirstByteTimeout, K::ModelUnavailable], ErrorCode::UpstreamTimeout),
        (&[K::Connect, K::FirstByteTimeout], ErrorCode::UpstreamError),
        (&[K::RateLimited, K::FirstByteTimeout], ErrorCode::UpstreamError),
        (&[K::KeyInvalid, K::KeyBilling, K::ModelUnavailable], ErrorCode::NoChannelAvailable),
        (&[K::KeyInvalid, K::ContextLength], ErrorCode::NoChannelAvailable),
        (&[K::Overloaded], ErrorCode::UpstreamError),
        (&[K::BreakerOpen, K::BreakerOpen], ErrorCode::NoChannelAvailable),
        (&[K::Overloaded, K::BreakerOpen], ErrorCode::UpstreamError),
        (&[K::RateLimited, K::BreakerOpen], ErrorCode::RateLimitExceeded),
        (&[K::ModelOutput], ErrorCode::UpstreamBadResponse),
        (&[K::Loop, K::Loop], ErrorCode::LoopDetected),
        (&[K::Loop, K::RateLimited], ErrorCode::RateLimitExceeded),
        (&[K::Temporary, K::Loop], ErrorCode::UpstreamError),
        (&[K::Internal], ErrorCode::InternalError),
    ];
    for (kinds, code) in table {
        let faults: Vec<_> = kinds.iter().map(|kind| Fault::new(*kind, "")).collect();
        assert_eq!(final_error(faults.iter()).code, *code, "{kinds:?}");
    }
}

#[test]
fn the_last_word_carries_what_helps_the_client_and_nothing_else() {
    let words =
        Some(Box::new(ClientError { message: "no such role".into(), param: Some("messages".into()), code: None }));
    let wrong = |kind| Fault { client_error: words.clone(), ..Fault::new(kind, "secret detail") };
    let error: FinalError = final_error([wrong(FaultKind::InvalidRequest)].iter());
    assert_eq!(error.client_error, words);
    let error = final_error([wrong(FaultKind::KeyInvalid)].iter());
    assert_eq!(error.client_error, None, "what a provider says about our key is not the client's business");
    let words: Vec<_> = [Status::Completed, Status::Error, Status::Timeout].iter().map(|s| s.as_str()).collect();
    assert_eq!(words, ["completed", "error", "timeout"]);
}

#[test]
fn retries_are_a_share_of_requests_and_a_floor() {
    let budget = RetryBudget::new(RetryBudgetConfig { per_mille: 200, floor_per_second: 10 });
    let drained = |now| (0..1_000).take_while(|_| budget.take(now)).count();
    assert_eq!(drained(0), 10, "a second of the floor");
    assert!(!budget.take(99) && budget.take(100), "ten a second");
    (0..25).for_each(|_| budget.request());
    assert_eq!(drained(100), 5, "a fifth of the requests");
    assert!(!budget.take(50), "a clock that goes back gives nothing");
    (0..10_000).for_each(|_| budget.request());
    assert_eq!(drained(100), 110, "not more than a hundred and a second of the floor are saved up");
    (0..10_000).for_each(|_| budget.request());
    budget.configure(RetryBudgetConfig { per_mille: 0, floor_per_second: 2 });
    assert_eq!(drained(100), 2, "new bounds hold at once");
    let only_floor = RetryBudget::new(RetryBudgetConfig { per_mille: 0, floor_per_second: 1 });
    assert!(only_floor.take(0) && !only_floor.take(999) && only_floor.take(1_000));
    assert_eq!((0..1_000).take_while(|_| only_floor.take(1_000_000)).count(), 1, "quiet hours are not saved up");
}
