//! Costs against a golden table, worked out by hand, and properties that hold for any price.

use proptest::prelude::*;
use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier, cost, expected, upper_bound, upper_bound_as};
use router_core::usage::{ABSURD, ServiceTier, Usage};

fn rate(usd_per_million: &str) -> Rate {
    Rate::parse(usd_per_million).expect("a rate")
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

/// 0.15 in, 0.60 out, 0.075 cached.
fn mini() -> Price {
    Price { input: rate("0.15"), output: rate("0.60"), cached_input: Some(rate("0.075")), ..Price::default() }
}

/// 3 in, 15 out, reads 0.30, writes 3.75 and 6.
fn sonnet() -> Price {
    Price {
        input: rate("3"),
        output: rate("15"),
        cached_input: Some(rate("0.30")),
        cache_write: Some(rate("3.75")),
        cache_write_1h: Some(rate("6")),
        ..Price::default()
    }
}

/// 1.25 in, 10 out, reads 0.31; above 200,000 tokens 2.50, 15 and 0.625.
fn pro() -> Price {
    Price {
        input: rate("1.25"),
        output: rate("10"),
        cached_input: Some(rate("0.31")),
        tiers: vec![Tier {
            above_tokens: 200_000,
            input: rate("2.50"),
            output: rate("15"),
            cached_input: Some(rate("0.625")),
            ..Tier::default()
        }],
        ..Price::default()
    }
}

/// Three tiers out of order, one of them cheaper; reasoning and audio have prices of their own.
fn qwen() -> Price {
    let tier = |above_tokens, input: &str, output: &str| Tier {
        above_tokens,
        input: rate(input),
        output: rate(output),
        cache_write: Some(rate("5")),
        ..Tier::default()
    };
    Price {
        input: rate("1"),
        output: rate("4"),
        reasoning: Some(rate("8")),
        audio_input: Some(rate("2.2")),
        cache_write_1h: Some(rate("3")),
        tiers: vec![tier(1_000, "6", "20"), tier(100, "2", "6"), tier(10, "0.5", "2")],
        ..Price::default()
    }
}

/// 40 in, 80 out, audio 100 and 200, reasoning 90, 0.02 an image, 0.005 a request.
fn everything() -> Price {
    Price {
        input: rate("40"),
        output: rate("80"),
        reasoning: Some(rate("90")),
        audio_input: Some(rate("100")),
        audio_output: Some(rate("200")),
        image: Some(Nano(20_000_000)),
        per_request: Nano(5_000_000),
        ..Price::default()
    }
}

/// One nano-USD per million tokens: everything rounds.
fn dust() -> Price {
    Price { input: Rate(1), output: Rate(1), ..Price::default() }
}

#[test]
fn golden_costs() {
    let plain = usage(0, 0);
    #[rustfmt::skip]
    let table: Vec<(&str, Price, Usage, i64)> = vec![
        // plain tokens
        ("nothing", mini(), plain, 0),
        ("one token in", mini(), usage(1, 0), 150),
        ("one token out", mini(), usage(0, 1), 600),
        ("a usual chat", mini(), usage(1_000, 500), 450_000),
        ("a million each", mini(), usage(1_000_000, 1_000_000), 750_000_000),
        ("free", Price::default(), usage(1_000_000, 1_000_000), 0),
        // cached reads
        ("all cached", mini(), Usage { cached_input: 1_000, ..usage(1_000, 0) }, 75_000),
        ("half cached", mini(), Usage { cached_input: 500, ..usage(1_000, 0) }, 112_500),
        ("cached without a price is input", Price { cached_input: None, ..mini() }, Usage { cached_input: 500, ..usage(1_000, 0) }, 150_000),
        ("cached for free", Price { cached_input: Some(Rate(0)), ..mini() }, Usage { cached_input: 500, ..usage(1_000, 0) }, 75_000),
        ("more cached than there is", mini(), Usage { cached_input: 5_000, ..usage(1_000, 0) }, 75_000),
        // cache writes
        ("written", sonnet(), Usage { cache_write: 1_000, ..usage(1_000, 0) }, 3_750_000),
        ("written for an hour", sonnet(), Usage { cache_write_1h: 1_000, ..usage(1_000, 0) }, 6_000_000),
        ("an hour without a price is a write", Price { cache_write_1h: None, ..sonnet() }, Usage { cache_write_1h: 1_000, ..usage(1_000, 0) }, 3_750_000),
        ("writes without a price are input", mini(), Usage { cache_write: 400, cache_write_1h: 600, ..usage(1_000, 0) }, 150_000),
        ("read, written and plain", sonnet(), Usage { cached_input: 2_000, cache_write: 1_000, ..usage(10_000, 0) }, 600_000 + 3_750_000 + 21_000_000),
        ("every part", sonnet(), Usage { cached_input: 100, cache_write: 200, cache_write_1h: 300, ..usage(1_000, 100) }, 30_000 + 750_000 + 1_800_000 + 1_200_000 + 1_500_000),
        ("parts that overlap are cut in order", sonnet(), Usage { cached_input: 600, cache_write: 600, cache_write_1h: 300, ..usage(1_000, 0) }, 180_000 + 1_800_000 + 375_000),
        // reasoning
        ("reasoning without a price is output", mini(), Usage { reasoning: 500, ..usage(0, 500) }, 300_000),
        ("reasoning with a price", everything(), Usage { reasoning: 100, ..usage(0, 150) }, 5_000_000 + 9_000_000 + 4_000_000),
        ("more reasoning than output", everything(), Usage { reasoning: 999, ..usage(0, 150) }, 5_000_000 + 13_500_000),
        // audio, images, fees
        ("audio in", everything(), Usage { audio_input: 50, ..usage(100, 0) }, 5_000_000 + 5_000_000 + 2_000_000),
        ("audio out", everything(), Usage { audio_output: 50, ..usage(0, 100) }, 5_000_000 + 10_000_000 + 4_000_000),
        ("audio without a price", mini(), Usage { audio_input: 50, audio_output: 50, ..usage(100, 100) }, 15_000 + 60_000),
        ("reasoning and audio out", everything(), Usage { reasoning: 60, audio_output: 60, ..usage(0, 100) }, 5_000_000 + 5_400_000 + 8_000_000),
        ("three images", everything(), Usage { images: 3, ..plain }, 65_000_000),
        ("images without a price", mini(), Usage { images: 3, ..plain }, 0),
        ("only the fee", everything(), plain, 5_000_000),
        // tiers
        ("at the threshold", pro(), usage(200_000, 1_000), 250_000_000 + 10_000_000),
        ("one above: all of it", pro(), usage(200_001, 1_000), 500_002_500 + 15_000_000),
        ("cached counts for the threshold", pro(), Usage { cached_input: 200_000, ..usage(200_001, 0) }, 125_000_000 + 2_500),
        ("output does not", pro(), usage(200_000, 300_000), 250_000_000 + 3_000_000_000),
        ("tier without cached: its input", qwen(), Usage { cached_input: 200, ..usage(200, 0) }, 400_000),
        ("below all tiers", qwen(), usage(10, 10), 10_000 + 40_000),
        ("the cheaper tier", qwen(), usage(11, 10), 5_500 + 20_000),
        ("the middle tier", qwen(), usage(101, 10), 202_000 + 60_000),
        ("the highest tier, whatever the order", qwen(), usage(1_001, 10), 6_006_000 + 200_000),
        ("tier writes", qwen(), Usage { cache_write: 101, ..usage(101, 0) }, 505_000),
        ("tier hour: dearer of own and tier's write", qwen(), Usage { cache_write_1h: 101, ..usage(101, 0) }, 505_000),
        ("tier reasoning: own if dearer", qwen(), Usage { reasoning: 10, ..usage(101, 10) }, 202_000 + 80_000),
        ("tier reasoning: tier's if dearer", qwen(), Usage { reasoning: 10, ..usage(1_001, 10) }, 6_006_000 + 200_000),
        ("tier audio: own if dearer", qwen(), Usage { audio_input: 101, ..usage(101, 0) }, 222_200),
        // rounding
        ("dust rounds up", dust(), usage(1, 0), 1),
        ("a million of dust is one", dust(), usage(1_000_000, 0), 1),
        ("a million and one is two", dust(), usage(1_000_000, 1), 2),
        ("parts round together", dust(), usage(500_000, 500_000), 1),
        // absurd
        ("absurd counts are cut", Price { input: rate("1"), ..Price::default() }, usage(u64::MAX, 0), i64::try_from(ABSURD).expect("fits") * 1_000),
        ("absurd price saturates", Price { input: Rate(i64::MAX), output: Rate(i64::MAX), ..Price::default() }, usage(u64::MAX, u64::MAX), i64::MAX),
        ("absurd images saturate", Price { image: Some(Nano::MAX), ..Price::default() }, Usage { images: u64::MAX, ..plain }, i64::MAX),
    ];
    assert!(table.len() >= 40);
    for (name, price, usage, nano) in table {
        assert_eq!(cost(&price, &usage), Nano(nano), "{name}");
    }
}

#[test]
fn golden_upper_bounds() {
    for (name, price, (input, output, answers), nano) in [
        ("plain", mini(), (1_000, 500, 1), 150_000 + 300_000),
        ("each answer as long as allowed", mini(), (1_000, 500, 3), 150_000 + 900_000),
        ("no answers is one", mini(), (1_000, 500, 0), 150_000 + 300_000),
        ("all of the input might be written for an hour", sonnet(), (1_000, 0, 1), 6_000_000),
        ("a tier out of reach", pro(), (200_000, 0, 1), 250_000_000),
        ("a tier in reach", pro(), (200_001, 1_000, 1), 500_002_500 + 15_000_000),
        ("a cheaper tier does not lower it", qwen(), (11, 10, 1), 11 * 5_000 + 80_000),
        ("fee, image, dearest classes", everything(), (100, 100, 2), 10_000_000 + 40_000_000 + 45_000_000),
        ("saturates", mini(), (u64::MAX, u64::MAX, u64::MAX), i64::MAX),
    ] {
        assert_eq!(upper_bound(&price, input, output, answers), Nano(nano), "{name}");
    }
    assert_eq!(expected(&mini(), 1_000, 500), Nano(450_000));
}

fn any_rate() -> impl Strategy<Value = Rate> {
    prop_oneof![Just(Rate(0)), (0..100_000_000_000i64).prop_map(Rate)]
}

fn any_tier() -> impl Strategy<Value = Tier> {
    let class = || proptest::option::of(any_rate());
    let classes = (class(), class(), class(), class(), class(), class());
    (0..3_000u64, any_rate(), any_rate(), classes, any::<bool>()).prop_map(
        |(above_tokens, input, output, classes, inclusive)| Tier {
            above_tokens,
            input,
            output,
            cached_input: classes.0,
            cache_write: classes.1,
            cache_write_1h: classes.2,
            reasoning: classes.3,
            audio_input: classes.4,
            audio_output: classes.5,
            inclusive,
        },
    )
}

fn any_price() -> impl Strategy<Value = Price> {
    let class = || proptest::option::of(any_rate());
    let classes = (class(), class(), class(), class(), class(), class());
    let fees = (proptest::option::of(0..1_000_000_000i64), 0..1_000_000_000i64);
    (any_rate(), any_rate(), classes, fees, proptest::collection::vec(any_tier(), 0..4)).prop_map(
        |(input, output, classes, (image, per_request), tiers)| Price {
            input,
            output,
            cached_input: classes.0,
            cache_write: classes.1,
            cache_write_1h: classes.2,
            reasoning: classes.3,
            audio_input: classes.4,
            audio_output: classes.5,
            image: image.map(Nano),
            per_request: Nano(per_request),
            tiers,
            services: Vec::new(),
        },
    )
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let n = || 0..4_000u64;
    (n(), n(), n(), n(), n(), n(), n(), n(), 0..2u64).prop_map(|u| Usage {
        input: u.0,
        cached_input: u.1,
        cache_write: u.2,
        cache_write_1h: u.3,
        audio_input: u.4,
        output: u.5,
        reasoning: u.6,
        audio_output: u.7,
        images: u.8,
        reported_cost: None,
        service: ServiceTier::Standard,
    })
}

#[test]
fn a_service_tier_has_its_own_whole_price_where_it_has_one() {
    let flex = Price { cached_input: None, ..mini() };
    let flex = Price { input: rate("0.075"), output: rate("0.30"), ..flex };
    let priority = Price { input: rate("0.30"), output: rate("1.20"), ..mini() };
    let price = Price {
        services: vec![(ServiceTier::Flex, flex.clone()), (ServiceTier::Priority, priority.clone())],
        ..mini()
    };
    let used = |service| Usage { cached_input: 400, service, ..usage(1_000, 500) };
    let usual = used(ServiceTier::Standard);
    for (price, service, like) in [
        (&price, ServiceTier::Standard, &mini()),
        (&price, ServiceTier::Flex, &flex),
        (&price, ServiceTier::Priority, &priority),
        // Without rates of its own a tier costs as usual.
        (&mini(), ServiceTier::Priority, &mini()),
    ] {
        assert_eq!(cost(price, &used(service)), cost(like, &usual), "{service:?}");
    }
    assert_eq!(cost(&price, &used(ServiceTier::Flex)), Nano(1_000 * 75 + 500 * 300));
    // Whoever asks for priority may be served as usual, whoever asks for flex, too: the dearer is reserved.
    let bound = |service| upper_bound_as(&price, service, 1_000, 500, 1);
    assert_eq!(bound(ServiceTier::Priority), upper_bound(&priority, 1_000, 500, 1));
    assert_eq!(bound(ServiceTier::Flex), upper_bound(&mini(), 1_000, 500, 1));
    for (word, tier) in
        [("flex", ServiceTier::Flex), ("priority", ServiceTier::Priority), ("on_demand", ServiceTier::Standard)]
    {
        assert_eq!(ServiceTier::named(word), tier);
    }
}

proptest! {
    /// The promise of every reservation: whatever comes, within the bounds it costs no more.
    #[test]
    fn the_upper_bound_covers_every_usage_within_it(price in any_price(), usage in any_usage(), slack in 0..500u64) {
        let bound = upper_bound(&price, usage.input + slack, usage.output + slack, 1);
        prop_assert!(cost(&price, &usage) <= bound);
    }

    #[test]
    fn costs_are_never_negative_and_sanitising_changes_nothing_twice(price in any_price(), usage in any_usage()) {
        let (clean, _) = usage.sanitized();
        prop_assert!(cost(&price, &usage) >= Nano::ZERO);
        prop_assert_eq!(clean.sanitized(), (clean, false));
        prop_assert_eq!(cost(&price, &clean), cost(&price, &usage));
    }

    #[test]
    fn any_numbers_at_all_do_not_panic(price in any_price(), input in any::<u64>(), output in any::<u64>(), parts in any::<[u64; 7]>()) {
        let [cached_input, cache_write, cache_write_1h, audio_input, reasoning, audio_output, images] = parts;
        let usage = Usage { input, cached_input, cache_write, cache_write_1h, audio_input, output, reasoning, audio_output, images, reported_cost: None, service: ServiceTier::Flex };
        prop_assert!(cost(&price, &usage) >= Nano::ZERO);
        prop_assert!(upper_bound(&price, input, output, images) >= Nano::ZERO);
    }
}
