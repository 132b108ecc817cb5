//! What a request wishes about providers: OpenRouter's body field `provider`.

use crate::catalog::Channel;
use crate::money::Nano;
use crate::pricing::{Price, Rate};

/// The kind of provider that is a router itself: it gets these wishes too, and fulfils those about names by itself.
const RELAY: &str = "openrouter";

/// `provider` of a request. Names are those of providers, their kinds or channels, in any case.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProviderWish {
    /// Tried in this order, before all others.
    pub order: Vec<String>,
    /// Only these; empty: any.
    pub only: Vec<String>,
    /// Not these.
    pub ignore: Vec<String>,
    /// Ranked by this alone.
    pub sort: Option<Sort>,
    /// At most these prices.
    pub max_price: MaxPrice,
    /// False: nobody but the providers of `order`; without an order nobody but the first candidate.
    pub allow_fallbacks: bool,
    /// Only where every parameter of the request arrives.
    pub require_parameters: bool,
}

impl Default for ProviderWish {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            only: Vec::new(),
            ignore: Vec::new(),
            sort: None,
            max_price: MaxPrice::default(),
            allow_fallbacks: true,
            require_parameters: false,
        }
    }
}

/// `provider.sort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The cheapest first.
    Price,
    /// The most tokens per second first.
    Throughput,
    /// The shortest time to the first token first.
    Latency,
}

impl Sort {
    /// All with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("price", Self::Price), ("throughput", Self::Throughput), ("latency", Self::Latency)];

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, sort)| *sort)
    }
}

/// `provider.max_price`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MaxPrice {
    /// USD per million input tokens.
    pub prompt: Option<Rate>,
    /// USD per million output tokens.
    pub completion: Option<Rate>,
    /// USD per request.
    pub request: Option<Nano>,
}

impl MaxPrice {
    /// Whether nothing of that price is dearer.
    #[must_use]
    pub fn allows(&self, price: &Price) -> bool {
        self.prompt.is_none_or(|most| price.input <= most)
            && self.completion.is_none_or(|most| price.output <= most)
            && self.request.is_none_or(|most| price.per_request <= most)
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ProviderWish {
    /// Whether the names leave a channel out.
    #[must_use]
    pub fn unwanted(&self, channel: &Channel) -> bool {
        let relays = channel.kind.eq_ignore_ascii_case(RELAY);
        let missing = |list: &[String]| !list.is_empty() && !relays && !named(list, channel);
        named(&self.ignore, channel) || missing(&self.only) || (!self.allow_fallbacks && missing(&self.order))
    }

    /// The place of a channel in `order`; after all named ones comes a router, which knows the names, then everybody else.
    #[must_use]
    pub fn place(&self, channel: &Channel) -> usize {
        let place = self.order.iter().position(|name| is(name, channel));
        let relays = channel.kind.eq_ignore_ascii_case(RELAY);
        place.unwrap_or(self.order.len() + usize::from(!relays))
    }

    /// Whether only the first candidate may be tried.
    #[must_use]
    pub fn first_only(&self) -> bool {
        !self.allow_fallbacks && self.order.is_empty()
    }
}

fn named(list: &[String], channel: &Channel) -> bool {
    list.iter().any(|name| is(name, channel))
}

/// OpenRouter's names may carry a variant of the service (`deepinfra/turbo`), which is not told apart here.
fn is(name: &str, channel: &Channel) -> bool {
    let name = name.split_once('/').map_or(name, |(provider, _)| provider);
    [&channel.provider, &channel.kind, &channel.name].into_iter().any(|known| known.eq_ignore_ascii_case(name))
}
