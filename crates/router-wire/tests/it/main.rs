//! The public face of the wire crate, exercised with tables, goldens and properties.

#[cfg(test)]
mod adapters;
#[cfg(test)]
mod answer;
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod anthropic_errors;
#[cfg(test)]
mod broken_off;
#[cfg(test)]
mod chat_codec;
#[cfg(test)]
mod classify;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod embed;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod gemini;
#[cfg(test)]
mod gemini_edges;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod ollama;
#[cfg(test)]
mod read;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod splice;
#[cfg(test)]
mod whole;
