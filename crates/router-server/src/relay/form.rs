//! Forms: the body of most is read whole, like any other; of one that is larger than is worth holding only the beginning, with the
//! model in it. The rest goes to the provider as it comes.

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use router_core::fault::ErrorCode;
use router_core::request::Event;
use router_wire::dialects::openai_work::{self, Flaw, FormWatch};

use super::run::{Run, Step};
use crate::http::error::ApiError;
use crate::http::intake::{BodyError, BodyLimits, BodyMemory, BodyPermit, read_head};
use crate::upstream::{Broken, Upload};

/// Bytes of a form that are held. A form that is no larger can go to another channel whatever became of it; of a larger one
/// memory holds no more than this, unless its model stands further behind.
const HELD: usize = 8 * 1024 * 1024;

/// A form as far as it has been read.
pub(super) struct Form {
    pub(super) bytes: Bytes,
    pub(super) memory: BodyPermit,
    /// What follows, and how long the whole form is at most.
    pub(super) rest: Option<(Upload, u64)>,
}

/// Reads a form whole, or its beginning until the model is known.
///
/// # Errors
/// As [`BodyError`].
pub(super) async fn receive(body: Incoming, limits: BodyLimits, memory: &BodyMemory) -> Result<Form, BodyError> {
    let most = limits.max_bytes as u64;
    let announced = body.size_hint().exact().unwrap_or(most);
    let (bytes, memory, more) = read_head(body, limits, memory, HELD, FormWatch::begin).await?;
    let Some(((watch, known), body)) = more else { return Ok(Form { bytes, memory, rest: None }) };
    let rest = Some((Upload::new(body, watch, (bytes.len() as u64, most)), announced));
    Ok(Form { bytes: bytes.slice(..known.min(bytes.len())), memory, rest })
}

impl Run {
    /// Whether the deadline of the first byte has to wait: a form is still on its way and moves, or waits for the client, whose
    /// silence is bounded where it is read. `seen` is what had come when that was last asked.
    pub(super) fn is_sending(&mut self, seen: &mut u64) -> bool {
        let Some(upload) = &self.job.upload else { return false };
        let (came, waits) = upload.progress();
        let now_ms = self.ms();
        let sending = (waits || came > *seen) && now_ms < self.job.controls.total_ms;
        *seen = came;
        if sending {
            self.machine.sending(now_ms);
        }
        sending
    }

    /// Takes over how long a form was whose length nobody had said: what is booked where the provider does not tell depends on it.
    pub(super) fn measure_upload(&mut self) {
        if let Some(size) = self.job.upload.as_ref().and_then(Upload::size) {
            openai_work::sized(&mut self.job.intake, size);
        }
    }

    /// What an attempt comes to whose form may have ended badly, or cannot be sent again.
    pub(super) fn after_upload(&mut self, event: Event) -> Step {
        let Some(upload) = &self.job.upload else { return Step::Event(event) };
        if upload.is_spent() {
            self.machine.last_attempt();
        }
        let whole = upload.size().is_some();
        let step = match (upload.broken(), event) {
            (Some(Broken::Early), Event::Failed(..)) => Step::Event(Event::ClientGone(None)),
            (Some(broken), Event::Failed(..)) => Step::Refused(refusal(broken)),
            (_, Event::ClientGone(Some(_))) if !whole => Step::Event(Event::ClientGone(None)),
            (_, event) => return Step::Event(event),
        };
        self.job.book.unsent();
        step
    }
}

/// The client's own fault, in words for it.
fn refusal(broken: Broken) -> ApiError {
    match broken {
        Broken::TooLarge => ApiError::new(ErrorCode::RequestTooLarge, "The form is larger than this router takes."),
        Broken::Flaw(Flaw::Twice) => ApiError::new(ErrorCode::DuplicateKey, Flaw::Twice.to_string()).param("model"),
        Broken::Flaw(flaw) => ApiError::new(ErrorCode::InvalidValue, flaw.to_string()),
        Broken::Slow | Broken::Early | Broken::Over => {
            ApiError::new(ErrorCode::RequestTimeout, "The body came too slowly.")
        }
    }
}
