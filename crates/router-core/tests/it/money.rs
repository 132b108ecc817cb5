//! Amounts: text and number are the same thing, whatever the number.

use proptest::prelude::*;
use router_core::ids::{RequestId, hash64};
use router_core::money::{Nano, parse_decimal};

proptest! {
    #[test]
    fn text_and_amount_round_trip(nano in any::<i64>()) {
        // the most negative number has no positive twin to be read through; saturation never makes it
        prop_assume!(nano != i64::MIN);
        let text = Nano(nano).to_string();
        let (sign, magnitude) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
        prop_assert_eq!(&text, &format!("{sign}{}.{:09}", magnitude / 1_000_000_000, magnitude % 1_000_000_000));
        prop_assert_eq!(text.parse::<Nano>(), Ok(Nano(nano)));
    }

    #[test]
    fn no_text_panics_or_reads_as_another_number(text in "[-+]?[0-9]{0,25}\\.?[0-9]{0,12}(e[-+]?[0-9]{1,3})?") {
        if let Ok(value) = parse_decimal(&text, 9) {
            let float: f64 = text.trim_end_matches('.').parse().unwrap_or(0.0);
            let read = value as f64 / 1e9;
            prop_assert!((read - float).abs() <= float.abs() * 1e-9 + 1e-12, "{text} read as {read}");
        }
    }

    #[test]
    fn request_ids_round_trip_and_sort_like_their_bytes(a in any::<[u8; 16]>(), b in any::<[u8; 16]>()) {
        let (first, second) = (RequestId::from_bytes(a), RequestId::from_bytes(b));
        prop_assert_eq!(RequestId::parse(&first.to_string()), Some(first));
        prop_assert_eq!(first.to_string().cmp(&second.to_string()), a.cmp(&b));
        prop_assert_eq!(first.seed(), hash64(&a));
    }
}
