//! The virtual router: requests taken through the very code of production on a virtual clock.
//!
//! [`VirtualRouter`] carries out what the server carries out on sockets: admission, limits, decision with live state, the state
//! machine with its attempts and retry budget, reservation and settlement, observations fed back. What providers do is a
//! [`Provider`]'s to say; what happened is told to a [`Watch`]. Requests overlap, so everything is an event with a time; events
//! of the same time go in the order in which they were made. Equal inputs give equal histories, on every platform.
//!
//! Left out is what only bytes can show: translation (every candidate's dialect holds every request) and the estimate that
//! answers a failed count of tokens.

mod attempt;
mod calendar;
mod hindsight;
mod judge;
mod law;
mod provider;
mod race;
mod request;
mod router;
mod running;
mod standing;
mod watch;

pub use hindsight::{Attempted, Hindsight, Went};
pub use law::{Law, Lots};
pub use provider::{Call, Ending, Provider, Reply};
pub use request::Request;
pub use router::{Stage, VirtualRouter};
pub use watch::{Change, Finished, Note, Watch};
