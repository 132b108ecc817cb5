//! Networks and single addresses, as lists of whom to trust or to admit hold them.

use std::borrow::Cow;
use std::fmt;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::leaf;
use crate::config::decode::{Decode, Faults, decode_scalar};
use crate::config::node::{Node, Path};

/// A network (`10.0.0.0/8`) or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

leaf!(Network, "an address or network such as 10.0.0.0/8 or 2001:db8::/32", Network::parse, {
    "type": "string",
    "description": "An address or network such as 10.0.0.0/8",
});

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let single = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
        text.parse().ok().or_else(single).map(Self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
