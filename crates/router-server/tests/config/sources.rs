//! Sources and their order.
