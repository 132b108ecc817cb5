//! Golden files: each fixture of each dialect, translated for every other.

use std::path::PathBuf;

use router_wire::adapters::Quirks;
use router_wire::dialects::{ClientCodec, PROVIDERS, ProviderCodec, clients};
use serde_json::json;

use super::{decode, echo, encode, files, fixtures, folder, golden, pretty, renewing, write_for};

/// Makes the files of one pair: name and contents.
fn pair(client: &ClientCodec, provider: &ProviderCodec) -> Vec<(String, Vec<u8>)> {
    let mut made = Vec::new();
    for fixture in fixtures(client.name, "request-") {
        let request = (client.read_request)(&fixture.bytes).unwrap_or_else(|e| panic!("{}: {e}", fixture.name));
        let written = match write_for(provider, &request, &Quirks::default()) {
            Ok(encoded) => {
                let body: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
                let dropped = encoded.lost(&request.dropped);
                json!({"body": body, "dropped": dropped})
            }
            Err(param) => json!({"unsupported": param}),
        };
        made.push((fixture.name, pretty(written.to_string().as_bytes())));
    }
    for fixture in fixtures(provider.name, "answer-") {
        let answer = (provider.read_answer)(&fixture.bytes).unwrap_or_else(|e| panic!("{}: {e:?}", fixture.name));
        made.push((fixture.name, pretty(&(client.write_answer)(&answer, &echo(None)))));
    }
    for fixture in fixtures(provider.name, "stream-") {
        let (events, _) = decode(provider, [fixture.bytes.as_slice()]);
        let name = fixture.name.rsplit_once('.').unwrap().0.to_owned();
        made.push((format!("{name}.sse"), encode(client, &events, None)));
    }
    made
}

#[test]
fn matrix_golden_files_are_fresh() {
    let mut stale = Vec::new();
    for client in clients() {
        for provider in PROVIDERS.iter().filter(|provider| provider.name != client.name) {
            let place: PathBuf = folder().join("translated").join(client.name).join(provider.name);
            let made = pair(client, provider);
            for (name, fresh) in &made {
                golden(&place.join(name), fresh, &mut stale);
            }
            for left in files(&place).iter().filter(|name| !made.iter().any(|(fresh, _)| fresh == *name)) {
                stale.push(format!("{}/{left} has no fixture any more: delete it", place.display()));
            }
        }
    }
    assert!(stale.is_empty() || renewing(), "read the difference after UPDATE_GOLDEN=1: {stale:#?}");
}

#[test]
fn matrix_every_dialect_has_fixtures() {
    let asked = clients().map(|client| (client.name, "request-"));
    let answered = PROVIDERS.iter().flat_map(|provider| [(provider.name, "answer-"), (provider.name, "stream-")]);
    for (name, kind) in asked.chain(answered) {
        assert!(!fixtures(name, kind).is_empty(), "translate/{name}/{kind}… is missing");
    }
}
