//! One connection of the load generator, and what all of them share.

use super::report::{Report, Tally};
use super::{Load, Until};
use crate::http1::{BodyDecoder, Framing, Head, Link};
use bytes::BytesMut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all connections of a run.
#[derive(Debug)]
pub(super) struct Shared {
    load: Load,
    started: Instant,
    issued: AtomicU64,
    tally: Mutex<Tally>,
}

impl Shared {
    pub(super) fn new(load: &Load) -> Self {
        Self { load: load.clone(), started: Instant::now(), issued: AtomicU64::new(0), tally: Mutex::default() }
    }

    pub(super) fn report(&self) -> Report {
        Report { seconds: self.started.elapsed().as_secs_f64(), tally: self.tally().clone() }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment from which the next request counts; `None`: the load is over.
    async fn next_start(&self) -> Option<Instant> {
        let number = self.issued.fetch_add(1, Relaxed);
        if matches!(self.load.until, Until::Requests(total) if number >= total) {
            return None;
        }
        let due = match self.load.rate {
            Some(rate) => {
                let due = self.started + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
                due
            }
            None => Instant::now(),
        };
        let over = matches!(self.load.until, Until::Time(length) if due.duration_since(self.started) >= length);
        (!over).then_some(due)
    }
}

/// Sends requests one after another until the load is over; opens a new connection when one is lost.
pub(super) async fn drive(shared: Arc<Shared>) {
    let mut link = None;
    while let Some(start) = shared.next_start().await {
        let open = match link.take() {
            Some(open) => Ok(open),
            None => Link::connect(shared.load.address).await,
        };
        let Ok(mut open) = open else {
            shared.tally().error("connect");
            // Without a pause a dead target would turn the loop into a spin.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        match exchange(&mut open, &shared, start).await {
            Ok(true) => link = Some(open),
            Ok(false) => {}
            Err(error) => shared.tally().error(&format!("io: {}", error.kind())),
        }
    }
}

/// One request and its answer; true if the connection can be used again.
async fn exchange(link: &mut Link, shared: &Shared, start: Instant) -> std::io::Result<bool> {
    link.send(&shared.load.request).await?;
    let head = link.read_head().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let framing = Framing::of_head(&head, Framing::UntilClose);
    let reusable = framing != Framing::UntilClose;
    if !head.starts_with(b"HTTP/1.1 200") {
        let (body, _) = link.read_body(framing).await?;
        shared.tally().refused(Head::parse(&head).status(), &body);
        return Ok(reusable);
    }
    let complete = if shared.load.stream {
        follow(link, framing, shared, start).await?
    } else {
        let (body, complete) = link.read_body(framing).await?;
        shared.tally().bytes += body.len() as u64;
        complete
    };
    let mut tally = shared.tally();
    if complete {
        tally.latency.record(start.elapsed())
    } else {
        tally.error("cut")
    }
    Ok(reusable && complete)
}

/// Reads a stream to its end and times its events.
async fn follow(link: &mut Link, framing: Framing, shared: &Shared, start: Instant) -> std::io::Result<bool> {
    let mut decoder = BodyDecoder::new(framing);
    let mut payload = BytesMut::new();
    let (mut counted, mut content, mut last) = (0, false, None::<Instant>);
    let complete = loop {
        let done = link.decode(&mut decoder, &mut payload)?;
        if payload.len() > counted {
            let now = Instant::now();
            let fresh = payload.get(counted.saturating_sub(1)..).unwrap_or_default();
            let events = fresh.windows(2).filter(|pair| pair == b"\n\n").count();
            counted = payload.len();
            let mut tally = shared.tally();
            tally.events += events as u64;
            match last {
                None => tally.first_event.record(now - start),
                Some(last) => tally.event_gap.record(now - last),
            }
            last = Some(now);
            if !content && has_content(&payload) {
                content = true;
                tally.first_content.record(now - start);
            }
        }
        if done {
            break true;
        }
        if link.fill().await? == 0 {
            break decoder.ends_with_connection();
        }
    };
    let mut tally = shared.tally();
    tally.bytes += payload.len() as u64;
    if complete && !payload.trim_ascii_end().ends_with(b"data: [DONE]") {
        tally.ended_without_mark += 1;
    }
    Ok(complete)
}

/// Whether some delta carries text that is not empty.
fn has_content(payload: &[u8]) -> bool {
    const FIELD: &[u8] = b"\"content\":\"";
    payload.windows(FIELD.len() + 1).any(|window| window.starts_with(FIELD) && window.last() != Some(&b'"'))
}
