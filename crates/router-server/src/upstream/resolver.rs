//! Names to addresses. One question for a name at a time, whoever waits for it, and its answer holds for a while: a resolver that is slow
//! at one name takes one thread, not one for each request, and leaves the others to other names.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

/// For how long an answer holds. The system's resolver does not tell what the name's own server says of that.
const HOLDS: Duration = Duration::from_secs(5);
/// A question that nobody has heard the answer of for so long is asked again.
const GIVEN_UP: Duration = Duration::from_secs(60);
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 16;

/// The addresses of a name; `None`: there are none, or nobody could tell.
type Answer = Option<Arc<[SocketAddr]>>;
/// Asks for a host and a port.
type LookUp = fn(String, u16) -> BoxFuture<'static, Answer>;

/// Looks names up.
#[derive(Debug)]
pub(super) struct Resolver {
    look_up: LookUp,
    names: Mutex<HashMap<(String, u16), Question>>,
}

#[derive(Clone, Debug)]
struct Question {
    answer: Shared<BoxFuture<'static, Answer>>,
    asked: Instant,
}

impl Question {
    /// Whether it is still being answered, or was answered a moment ago. Where nothing was found, that is not kept.
    fn holds(&self) -> bool {
        match self.answer.peek() {
            None => self.asked.elapsed() < GIVEN_UP,
            Some(answer) => answer.is_some() && self.asked.elapsed() < HOLDS,
        }
    }
}

impl Default for Resolver {
    /// With the resolver of the system.
    fn default() -> Self {
        Self::with(|host, port| {
            async move {
                let found = tokio::net::lookup_host((host, port)).await.ok()?;
                Some(found.take(MOST_ADDRESSES).collect())
            }
            .boxed()
        })
    }
}

impl Resolver {
    fn with(look_up: LookUp) -> Self {
        Self { look_up, names: Mutex::default() }
    }

    /// The addresses of a host. Whoever asks gives up when it likes; the question goes on for the next one.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Answer {
        self.question(host, port).answer.await
    }

    fn question(&self, host: &str, port: u16) -> Question {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, question| question.holds());
        let name = (host.to_owned(), port);
        if let Some(question) = names.get(&name) {
            return question.clone();
        }
        let question = Question { answer: (self.look_up)(host.to_owned(), port).shared(), asked: Instant::now() };
        names.insert(name, question.clone());
        question
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static SLOW: AtomicUsize = AtomicUsize::new(0);
    static QUICK: AtomicUsize = AtomicUsize::new(0);

    /// A resolver that takes half a minute for one name, knows another, and no third.
    fn look_up(host: String, port: u16) -> BoxFuture<'static, Answer> {
        async move {
            match host.as_str() {
                "slow" => {
                    SLOW.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                "quick" => {
                    QUICK.fetch_add(1, Ordering::SeqCst);
                }
                _ => return None,
            }
            Some([SocketAddr::from(([127, 0, 0, 1], port))].into())
        }
        .boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_name_is_asked_for_once_and_holds_up_no_other() {
        let resolver = Resolver::with(look_up);
        let patience = Duration::from_millis(500);
        for _ in 0..50 {
            assert!(tokio::time::timeout(patience, resolver.addresses("slow", 443)).await.is_err());
            assert_eq!(resolver.addresses("quick", 443).await.unwrap().len(), 1);
            assert_eq!(resolver.addresses("unknown", 443).await, None);
        }
        assert_eq!(SLOW.load(Ordering::SeqCst), 1);
        // 25 seconds, of which each answer holds for five.
        assert_eq!(QUICK.load(Ordering::SeqCst), 5);
        // The answer that was so late is there for the next one.
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(resolver.addresses("slow", 443).await.unwrap().len(), 1);
        assert_eq!(SLOW.load(Ordering::SeqCst), 1);
    }
}
