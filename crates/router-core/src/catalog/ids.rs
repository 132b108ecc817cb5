//! Indices into the flat vectors of a snapshot. They mean nothing in another snapshot.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The place in the vector.
            #[must_use]
            pub const fn slot(self) -> usize {
                self.0 as usize
            }

            /// The index of that place; a vector of ours never holds 2³² entries.
            pub(crate) fn of(slot: usize) -> Self {
                Self(u32::try_from(slot).unwrap_or(u32::MAX))
            }
        }
    )+};
}

index! {
    /// A channel.
    ChannelIx,
    /// A channel model: one model on one channel.
    ModelIx,
    /// A model group.
    GroupIx,
    /// A client key.
    KeyIx,
    /// An interned tag.
    TagId,
    /// An interned name of a score (`coding`, without `_score`).
    ScoreId,
    /// A list of channel models that one name stands for.
    ListIx,
}
