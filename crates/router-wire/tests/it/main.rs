//! The public face of the wire crate, exercised with tables, goldens and properties.

#[cfg(test)]
mod scan;
#[cfg(test)]
mod splice;
