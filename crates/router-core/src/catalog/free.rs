//! What costs nothing.

use crate::money::Nano;
use crate::pricing::{Price, Rate};

/// A price of nothing, for `budgets.unknown_price: free`.
pub(crate) static FREE: Price = Price {
    input: Rate(0),
    output: Rate(0),
    cached_input: None,
    cache_write: None,
    cache_write_1h: None,
    reasoning: None,
    audio_input: None,
    audio_output: None,
    image: None,
    per_request: Nano::ZERO,
    tiers: Vec::new(),
    services: Vec::new(),
};

/// Whether no use of it costs anything.
pub(crate) fn is_free(price: &Price) -> bool {
    let classes = [
        Some(price.input),
        Some(price.output),
        price.cached_input,
        price.cache_write,
        price.cache_write_1h,
        price.reasoning,
        price.audio_input,
        price.audio_output,
    ];
    classes.into_iter().flatten().all(|rate| rate == Rate(0))
        && price.image.is_none_or(|image| image == Nano::ZERO)
        && price.per_request == Nano::ZERO
        && price.tiers.iter().all(|tier| {
            let classes = [Some(tier.input), Some(tier.output), tier.cached_input, tier.cache_write];
            classes.into_iter().flatten().all(|rate| rate == Rate(0))
        })
        && price.services.iter().all(|(_, price)| is_free(price))
}
