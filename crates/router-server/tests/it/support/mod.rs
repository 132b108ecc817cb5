//! What every test uses: [`TestRouter`] and its [`Setup`], [`Call`] and [`Reply`], the [`Row`]s of the request log.

mod call;
mod process;
mod router;
mod row;
mod setup;

pub(crate) use call::{Call, Reply};
pub(crate) use process::run_to_end;
pub(crate) use router::TestRouter;
pub(crate) use row::Row;
pub(crate) use setup::Setup;

use std::time::Duration;

/// The client key that every router of a test knows, unless the test names its own.
pub(crate) const KEY: &str = "sk-router-client-0123456789abcdef";
/// The admin key of every router of a test.
pub(crate) const ADMIN: &str = "sk-router-admin-0123456789abcdef";
/// The model that every channel of a test serves.
pub(crate) const MODEL: &str = "sim-model";
/// The group that holds all channels in the order in which the test named them.
pub(crate) const ORDERED: &str = "auto:ordered";

/// Polls until there is something; only a broken test comes to the end of the patience.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come");
}
