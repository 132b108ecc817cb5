//! Bytes that no provider and no client should send: nothing panics, and what is unknown is no error.

use proptest::prelude::*;
use router_wire::adapters::Quirks;
use router_wire::dialects::{PROVIDERS, ProviderCodec, clients};
use serde_json::{Value, json};

use super::{ReadRequest, decode, echo, encode, fixtures, readers, same, write_for};

/// Everything that can be done with these bytes, in every dialect.
fn try_all((codec, read): (&ProviderCodec, ReadRequest), bytes: &[u8]) {
    if let Ok(request) = read(bytes) {
        for provider in PROVIDERS {
            if let Ok(encoded) = write_for(provider, &request, &Quirks::default()) {
                assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok(), "{}", provider.name);
            }
        }
    }
    if let Ok(answer) = (codec.read_answer)(bytes) {
        for client in clients() {
            let written = (client.write_answer)(&answer, &echo(None));
            assert!(serde_json::from_slice::<Value>(&written).is_ok(), "{}", client.name);
        }
    }
    let (events, _) = decode(codec, [bytes]);
    for client in clients() {
        encode(client, &events, None);
    }
}

/// Changes the JSON at a place that `seed` chooses: another type, nothing, an unknown word, an unknown member.
fn mutate(value: &mut Value, seed: u64) {
    let strange = [
        Value::Null,
        json!(-1),
        json!(1e300),
        json!("zz_unknown"),
        json!([]),
        json!({}),
        json!([null, 7, "x", {"type": "zz_unknown"}]),
        json!({"type": "zz_unknown", "zz": [1]}),
        json!(true),
    ];
    let mut seed = seed;
    let mut at = value;
    for _ in 0..12 {
        let length = match at {
            Value::Object(object) => object.len(),
            Value::Array(list) => list.len(),
            _ => 0,
        };
        if length == 0 || seed.is_multiple_of(5) {
            break;
        }
        let place = (seed / 5) as usize % length;
        seed = seed / 5 / length as u64;
        at = match at {
            Value::Object(object) => object.values_mut().nth(place).unwrap(),
            Value::Array(list) => &mut list[place],
            _ => break,
        };
    }
    let choice = (seed / 5) as usize % (strange.len() + 1);
    match (strange.get(choice), at) {
        (Some(strange), at) => *at = strange.clone(),
        (None, Value::Object(object)) => drop(object.insert("zz_unknown".to_owned(), json!({"zz": 1}))),
        (None, at) => *at = Value::Null,
    }
}

/// The fixture with some of its JSON changed; streams event by event.
fn mutated(bytes: &[u8], seeds: &[u64]) -> Vec<u8> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(bytes) {
        seeds.iter().for_each(|seed| mutate(&mut value, *seed));
        return value.to_string().into_bytes();
    }
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let (head, data) = line.strip_prefix("data: ").map_or(("", *line), |data| ("data: ", data));
        let seed = seeds.iter().find(|seed| (**seed % lines.len() as u64) as usize == index);
        match (seed, serde_json::from_str::<Value>(data)) {
            (Some(seed), Ok(mut value)) => {
                mutate(&mut value, *seed / 7);
                out.extend_from_slice(format!("{head}{value}\n").as_bytes());
            }
            _ => out.extend_from_slice(format!("{line}\n").as_bytes()),
        }
    }
    out
}

#[test]
fn matrix_truncated_bytes_never_panic() {
    for dialect in readers() {
        for fixture in fixtures(dialect.0.name, "") {
            for end in (0..fixture.bytes.len()).step_by(61) {
                try_all(dialect, &fixture.bytes[..end]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matrix_mutated_fixtures_never_panic(which in any::<usize>(), seeds in proptest::collection::vec(any::<u64>(), 1..6)) {
        for dialect in readers() {
            let fixtures = fixtures(dialect.0.name, "");
            try_all(dialect, &mutated(&fixtures[which % fixtures.len()].bytes, &seeds));
        }
    }

    #[test]
    fn matrix_noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for dialect in readers() {
            try_all(dialect, &bytes);
        }
    }
}

/// Members that nobody knows, everywhere in a request and an answer, change nothing but the names of what was dropped.
#[test]
fn matrix_unknown_members_are_no_error() {
    for (codec, read) in readers() {
        for fixture in fixtures(codec.name, "request-") {
            let mut value: Value = serde_json::from_slice(&fixture.bytes).unwrap();
            let plain = read(&fixture.bytes).unwrap();
            sprinkle(&mut value, true);
            let mut strange = read(value.to_string().as_bytes()).unwrap();
            strange.dropped.clone_from(&plain.dropped);
            strange.extras.clone_from(&plain.extras);
            same(&strange, &plain).unwrap_or_else(|error| panic!("{}/{}: {error}", codec.name, fixture.name));
        }
        for fixture in fixtures(codec.name, "answer-") {
            let mut value: Value = serde_json::from_slice(&fixture.bytes).unwrap();
            let plain = (codec.read_answer)(&fixture.bytes).unwrap();
            sprinkle(&mut value, true);
            let strange = (codec.read_answer)(value.to_string().as_bytes()).unwrap();
            assert_eq!(strange.stop, plain.stop, "{}/{}", codec.name, fixture.name);
            assert_eq!(strange.parts.len(), plain.parts.len(), "{}/{}", codec.name, fixture.name);
        }
    }
}

/// Adds an unknown member to the objects of the protocol; what is the client's own (schemas, arguments) stays as it is.
fn sprinkle(value: &mut Value, top: bool) {
    const OWN: [&str; 13] = [
        "parameters",
        "input_schema",
        "schema",
        "input",
        "args",
        "response",
        "parametersJsonSchema",
        "responseJsonSchema",
        "responseSchema",
        "metadata",
        "logit_bias",
        "labels",
        "format",
    ];
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter_mut() {
                let own = OWN.contains(&name.as_str()) && !(top && member.is_array());
                if !own && !name.ends_with("citation") && name != "annotations" && name != "citations" {
                    sprinkle(member, false);
                }
            }
            // There a member's name is the kind of a hosted tool, and an unknown one is refused.
            if !object.contains_key("functionDeclarations") {
                object.insert("zz_unknown".to_owned(), json!({"zz": 1}));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| sprinkle(item, false)),
        _ => {}
    }
}
