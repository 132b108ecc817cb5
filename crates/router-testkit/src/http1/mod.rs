//! The little HTTP/1.1 that the kit needs on both sides of a socket.
//!
//! Written by hand because a test provider must be able to break the protocol at every byte, and because the load
//! generator must see when each byte comes; an HTTP library hides both.

mod body;
mod head;
mod link;

pub use body::{BadFraming, BodyDecoder, Framing};
pub use head::Head;
pub use link::{Link, Response};
