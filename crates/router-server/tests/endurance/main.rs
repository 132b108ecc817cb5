//! What a running router has to stand: being killed, a thousand clients, a dead database, a full disk, an end in the
//! middle of streams. Each test asks the books afterwards.
//!
//! `ENDURANCE_ROUNDS` is the number of kills (default 50). `ENDURANCE_SLOW` is the number of connections with slow heads and the
//! seconds for which a client asks beside them (default `400,3`; an eighth as many readers stop reading). `ENDURANCE_ROUTER` names another
//! binary to test, such as a release build; then the idle memory is judged too, which says nothing in a debug build.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail like tests")]

mod books;
mod client;
mod crowd;
mod database_line;
mod durable;
mod ending;
mod idle;
mod in_process;
mod installation;
mod kills;
mod outage;
mod panics;
mod process;
mod slow_clients;
mod soak;
mod spool_full;
mod store_away;
