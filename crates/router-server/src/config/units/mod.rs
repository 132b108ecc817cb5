//! The leaves of a configuration that are more than a number: times, amounts, networks.

mod amount;
mod network;
mod time;

pub use amount::{ByteSize, Decimal, Share, Usd};
pub use network::Network;
pub use time::{Hedge, Hours, Span, Zone};

/// A leaf that is written as a text: how it is read, shown and described.
macro_rules! leaf {
    ($name:ident, $expected:literal, $parse:expr, $schema:tt) => {
        impl Decode for $name {
            fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
                decode_scalar(node, path, faults, $expected, |text, _| $parse(text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

use leaf;
