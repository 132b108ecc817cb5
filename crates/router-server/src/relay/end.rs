//! How a request ends: its books are closed, then its client gets the rest, whatever that is.

use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use router_core::ask::Endpoint;
use router_core::fault::ErrorCode;
use router_core::money::Nano;
use router_core::request::{FinalError, Status, Terminal};
use router_core::settle::Settlement;

use super::admit::NEWS_MS;
use super::book::Closing;
use super::count::Counts;
use super::explained;
use super::headers::stamp_attempts;
use super::run::{Client, OUR_HEADERS, Run};
use crate::http::body::Body;
use crate::http::error::{ApiError, shutting_down};

impl Run {
    /// Notes what the provider of the last attempt keeps, before the client has the whole answer and may ask for it.
    fn note_kept(&mut self) {
        if let Some(passage) = &self.passage {
            self.kept_ids.extend_from_slice(passage.kept_ids());
        }
        let attempt = self.machine.current();
        let target = attempt.and_then(|attempt| self.attempted(attempt.candidate, attempt.key));
        if let Some(target) = target.filter(|_| !self.kept_ids.is_empty()) {
            self.job.keep(std::mem::take(&mut self.kept_ids), &target);
        }
    }

    async fn close(&mut self, terminal: &Terminal) -> Settlement {
        self.note_kept();
        self.job.book.dropped(&self.dropped);
        let settlement = self
            .job
            .book
            .close(&Closing {
                status: terminal.status,
                error: terminal.error.as_ref().map(|error| (error.code, error.class)),
                attempts: self.machine.attempts(),
                bytes_out: self.bytes_out,
                upstream_us: self.upstream_us,
            })
            .await;
        if let Some(tape) = self.job.tape.as_ref().filter(|_| terminal.status == Status::Completed) {
            tape.succeeded();
        }
        if let Some(ticket) = self.job.holds.ticket.as_mut() {
            let usage = settlement.answer.usage;
            let unix_ms = self.job.now.unix_ms.saturating_add(self.job.now.ms_until(Instant::now()));
            ticket.correct(usage.input.saturating_add(usage.output), unix_ms);
        }
        settlement
    }

    /// The answer is whole: book it, then send what is left of it.
    pub(super) async fn complete(&mut self, terminal: &Terminal) {
        let answer = self.whole.take();
        if let Some(answer) = &answer {
            self.bytes_out = answer.body.len();
        }
        let settlement = self.close(terminal).await;
        self.job.book.synced().await;
        let router = self.job.controls.explain.then(|| self.explained(settlement.cost));
        match answer {
            Some(answer) => {
                let explained = router.and_then(|router| explained::inserted(&answer.body, &router));
                let mut response = Response::new(Body::from(explained.unwrap_or(answer.body)));
                response.headers_mut().reserve(OUR_HEADERS);
                response.headers_mut().insert(CONTENT_TYPE, answer.content_type);
                self.stamp_way(&mut response, Some(&settlement));
                self.send_head(response, Client::Done);
            }
            None => {
                let usage = settlement.answer.usage;
                let ending = match (self.ending.take(), self.passage.take()) {
                    (Some(ending), _) => ending,
                    (None, Some(mut passage)) => passage.ending(Some(&usage)),
                    (None, None) => Bytes::new(),
                };
                let ending = match router {
                    Some(router) => self.with_router(ending, &router),
                    None => ending,
                };
                let _ = self.forward(ending).await;
            }
        }
    }

    fn explained(&self, cost: Nano) -> String {
        let served = |candidate: usize| self.targets.get(candidate).map(|target| target.model);
        explained::object(&self.job, self.machine.attempts(), served, cost)
    }

    /// The end of a stream, with the explanation in its last event.
    fn with_router(&self, ending: Bytes, router: &str) -> Bytes {
        match explained::inserted(&ending, router) {
            Some(explained) => explained,
            None => explained::late_event(&self.job, router)
                .map_or_else(|| ending.clone(), |event| [event, ending.clone()].concat().into()),
        }
    }

    /// Whether a failed count of tokens is answered by our own estimate: always, but where the request itself is wrong.
    pub(super) fn may_count(&self, terminal: &Terminal) -> bool {
        let status = terminal.error.as_ref().map_or(500, |error| error.code.status());
        self.job.endpoint == Endpoint::CountTokens && status != 400
    }

    /// Answers a count of tokens by the best candidate's tokenizer if it is public, else by our estimate, in the client's shape.
    pub(super) async fn count_tokens(&mut self) {
        let best = self.job.decision.ranked().next().map(|candidate| candidate.model);
        let tokens = Counts::new(&self.job).of(best).await.unwrap_or(self.job.intake.ask.input_tokens);
        let body = Bytes::from(self.job.dialect.count_tokens.map(|body| body(tokens)).unwrap_or_default());
        self.bytes_out = body.len();
        self.close(&Terminal { status: Status::Completed, error: None }).await;
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send_head(response, Client::Done);
    }

    /// Nothing has gone to the client: it gets an error.
    pub(super) async fn answer_error(&mut self, terminal: &Terminal) {
        self.close(terminal).await;
        let error = terminal.error.as_ref().map_or_else(
            || ApiError::new(ErrorCode::InternalError, "The router failed at this request."),
            |error| self.client_words(error),
        );
        let mut response = error.in_dialect(self.job.dialect, Some(&self.job.shown_id));
        stamp_attempts(response.headers_mut(), self.machine.attempts().len());
        self.send_head(response, Client::Done);
    }

    /// Content has gone to the client: it gets an error event, and no normal end.
    pub(super) async fn fail_stream(&mut self, terminal: &Terminal) {
        self.close(terminal).await;
        if let Some(error) = &terminal.error {
            let error = self.client_words(error);
            let dialect = self.job.dialect;
            let view = error.view(dialect, Some(&self.job.shown_id));
            let event = match &mut self.passage {
                Some(passage) => passage.error_event(dialect, &view),
                None => Bytes::from((dialect.error_event)(&view)),
            };
            let _ = self.forward(event).await;
        }
    }

    pub(super) async fn stop(&mut self, terminal: &Terminal) {
        self.close(terminal).await;
    }

    /// A budget or the books stood in the way before an attempt was sent.
    pub(super) async fn refuse(&mut self, error: ApiError) {
        let made = self.machine.attempts().len().saturating_sub(1);
        let attempts: Vec<_> = self.machine.attempts().iter().take(made).cloned().collect();
        self.job
            .book
            .close(&Closing {
                status: Status::Error,
                error: Some((error.code, "")),
                attempts: &attempts,
                bytes_out: 0,
                upstream_us: self.upstream_us,
            })
            .await;
        let mut response = error.in_dialect(self.job.dialect, Some(&self.job.shown_id));
        stamp_attempts(response.headers_mut(), made);
        self.send_head(response, Client::Done);
    }

    /// The final error in words for the client.
    fn client_words(&self, error: &FinalError) -> ApiError {
        let attempts = self.machine.attempts().len();
        let tries = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        let message = match error.code {
            ErrorCode::UpstreamTimeout => format!("The provider did not answer in time ({tries})."),
            ErrorCode::RateLimitExceeded => format!("Every channel for this model is rate limited ({tries})."),
            ErrorCode::NoChannelAvailable => format!("No channel can serve this model at the moment ({tries})."),
            ErrorCode::UpstreamBadResponse => format!("The provider's answer was not usable ({tries})."),
            ErrorCode::ShuttingDown => return shutting_down(),
            ErrorCode::ContextLengthExceeded => {
                "The request is longer than the context of the models that could serve it.".to_owned()
            }
            ErrorCode::ContentPolicy => "The provider's content policy refused the request.".to_owned(),
            ErrorCode::UnsupportedParameter => {
                "No channel for this model supports all that the request uses.".to_owned()
            }
            ErrorCode::InvalidValue => "The provider refused the request as invalid.".to_owned(),
            ErrorCode::InternalError => "The router failed at this request.".to_owned(),
            ErrorCode::LoopDetected => "A channel of this router points back at this router.".to_owned(),
            _ => format!(
                "The provider failed ({tries}, last: {}).",
                if error.class.is_empty() { "unknown" } else { error.class }
            ),
        };
        let answer = ApiError::new(error.code, message);
        let answer = match &error.client_error {
            Some(said) => answer.in_provider_words(said),
            None => answer,
        };
        let wait = answer.code.rule().retry.then(|| self.earliest_return()).flatten();
        match (answer.code, wait) {
            (ErrorCode::NoChannelAvailable, Some(wait_ms)) => answer.nobody_for_ms(wait_ms),
            // All were full, and one has room again by now.
            (ErrorCode::RateLimitExceeded, None) => answer.retry_after_ms(Some(NEWS_MS)),
            (_, wait) => answer.retry_after_ms(wait),
        }
    }

    /// Milliseconds until the first of all candidates may be tried, those included that were out when this request came; `None`
    /// where one may be now.
    fn earliest_return(&self) -> Option<u64> {
        let (snapshot, decision) = (&self.job.snapshot, &self.job.decision);
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        let tried = self.targets.iter().map(|target| target.model);
        let tokens = self.job.intake.ask.tokens();
        let wait_ms = snapshot.world.earliest_return(&snapshot.core, tried, tokens, now_ms)?;
        let others = decision.earliest_recovery_ms().map_or(wait_ms, |at_ms| at_ms.saturating_sub(now_ms));
        Some(wait_ms.min(others)).filter(|wait_ms| *wait_ms > 0)
    }
}
