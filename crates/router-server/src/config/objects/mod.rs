//! What files declare beside settings: providers, channels, groups, client keys, pricing policies.
//! Shapes only; meaning is checked, and things are built, one folder up. Field comments become the
//! descriptions of the JSON schema.

mod channel;
mod group;
mod key;
mod policy;

pub use channel::*;
pub use group::*;
pub use key::*;
pub use policy::*;
