//! One client connection: hyper over an IO that knows what it is waiting for, and a watchdog that ends connections
//! which send their head too slowly, idle too long, or stop reading what they asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bounds of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnTimers {
    /// From the first byte of a head to its end.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// A write that makes no progress.
    pub write_stall: Duration,
}

impl Default for ConnTimers {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), idle: Duration::from_secs(75), write_stall: Duration::from_secs(60) }
    }
}

/// What a connection is doing, in a form that two tasks may look at. Times are milliseconds since `epoch`, plus one;
/// zero means "not now".
#[derive(Debug)]
pub struct Activity {
    epoch: Instant,
    /// Waiting for a request since then.
    idle_since: AtomicU64,
    /// The first byte of a head came then.
    head_since: AtomicU64,
    /// A write has been pending since then.
    write_since: AtomicU64,
    /// Requests being answered (HTTP/2 has several).
    requests: AtomicU64,
    /// A first request has come.
    asked: AtomicBool,
}

impl Activity {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(now: Instant) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            epoch: now,
            idle_since: AtomicU64::new(1),
            head_since: zero(),
            write_since: zero(),
            asked: AtomicBool::new(false),
            requests: zero(),
        })
    }

    fn stamp(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// Whether a first request has come.
    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn request_began(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.idle_since.store(0, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
    }

    fn request_ended(&self, now: Instant) {
        if self.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle_since.store(self.stamp(now), Ordering::Relaxed);
        }
    }

    fn bytes_came(&self) {
        let waiting = self.requests.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0;
        if waiting {
            self.head_since.store(self.stamp(Instant::now()), Ordering::Relaxed);
        }
    }

    /// When the connection has to end if nothing changes, and whether that is already past.
    fn overdue(&self, timers: &ConnTimers, now: Instant) -> bool {
        let now = self.stamp(now);
        let past = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::Relaxed);
            since != 0 && now.saturating_sub(since) > u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
        };
        past(&self.write_since, timers.write_stall)
            || past(&self.head_since, timers.head)
            || (self.requests.load(Ordering::Relaxed) == 0 && past(&self.idle_since, timers.idle))
    }
}

/// Marks a request of the connection as running until it is dropped with the last of its answer.
#[derive(Debug)]
pub struct RequestGuard(Arc<Activity>);

impl RequestGuard {
    /// A request's head is complete.
    #[must_use]
    pub fn begin(activity: &Arc<Activity>) -> Self {
        activity.request_began();
        Self(Arc::clone(activity))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.request_ended(Instant::now());
    }
}

/// Completes when the connection is overdue. Looks about once a second: these bounds need no precision.
pub async fn watchdog(activity: Arc<Activity>, timers: ConnTimers) {
    let shortest = timers.head.min(timers.idle).min(timers.write_stall);
    let mut tick = tokio::time::interval((shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(2)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if activity.overdue(&timers, Instant::now()) {
            return;
        }
    }
}

/// A client's socket that keeps its [`Activity`] up to date.
#[derive(Debug)]
pub struct ClientIo {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl ClientIo {
    /// Wraps an accepted socket.
    #[must_use]
    pub fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn note_write<T>(&self, polled: &Poll<io::Result<T>>) {
        let since = &self.activity.write_since;
        match polled {
            Poll::Ready(_) => {
                if since.load(Ordering::Relaxed) != 0 {
                    since.store(0, Ordering::Relaxed);
                }
            }
            Poll::Pending => {
                if since.load(Ordering::Relaxed) == 0 {
                    since.store(self.activity.stamp(Instant::now()), Ordering::Relaxed);
                }
            }
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.bytes_came();
        }
        polled
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, data);
        self.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note_write(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMERS: ConnTimers = ConnTimers {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write_stall: Duration::from_secs(60),
    };

    #[test]
    fn each_bound_counts_only_in_its_own_phase() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let activity = Activity::new(start);
        assert!(!activity.overdue(&TIMERS, at(75)));
        assert!(activity.overdue(&TIMERS, at(76)), "idle from the start");

        activity.bytes_came();
        assert!(activity.overdue(&TIMERS, at(11)), "the head takes too long");

        activity.request_began();
        assert!(!activity.overdue(&TIMERS, at(1_000)), "a running request is bounded elsewhere");

        activity.request_ended(at(1_000));
        assert!(!activity.overdue(&TIMERS, at(1_075)));
        assert!(activity.overdue(&TIMERS, at(1_076)), "idle again");

        activity.write_since.store(activity.stamp(at(1_000)), Ordering::Relaxed);
        activity.request_began();
        assert!(activity.overdue(&TIMERS, at(1_061)), "the client stopped reading");
    }
}
