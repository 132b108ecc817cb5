//! Pretends: simulated providers over real sockets, for tests, for the demo and for the benchmark.
//!
//! * [`SimProvider`] answers every dialect ([`answers`]) on `127.0.0.1`, faithfully or as a [`Script`] says, and remembers
//!   what it received. It speaks HTTP/1.1 itself ([`http1`]), so that it can also cut, reset, trickle and lie.
//! * [`clients`] are its counterpart: they ask and read in every dialect.
//! * [`TcpProxy`] stands before a database and lets the line to it go bad ([`tcp_proxy::Line`]).
//! * [`demo`] is the preset behind `serve --demo`.
//! * [`bench`] is the benchmark's counterpart: a cheap upstream, a minimal proxy, a load generator, the driver.
//!
//! ```no_run
//! # async fn example() {
//! use router_testkit::{Script, SimProvider};
//!
//! let provider = SimProvider::start().await
//!     .on_model("gpt-4o-mini", Script::status(500)).then(Script::ok());
//! let url = provider.base_url(); // http://127.0.0.1:PORT/v1
//! // … two calls later
//! assert_eq!(provider.requests().len(), 2);
//! # let _ = url; }
//! ```

pub mod answers;
pub mod bench;
pub mod clients;
pub mod demo;
pub mod hostile;
pub mod http1;
mod plan;
pub mod provider;
pub mod record;
pub mod script;
pub mod tcp_proxy;
#[cfg(feature = "tls")]
pub mod tls;

pub use answers::{Bend, Dialect, Failure, Flavor, Voice};
pub use provider::{SimProvider, dead_address};
pub use record::{Ending, Received, Stats};
pub use script::{Framing, LineEnd, Script};
pub use tcp_proxy::TcpProxy;
