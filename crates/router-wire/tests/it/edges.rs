//! What the edge asks of the dialects before it has read a request: whose path and whose client it is, where a key may stand.

use router_core::ask::Endpoint;
use router_wire::dialects::{DIALECTS, Dialect, Watched, of_errors, provider};

#[test]
fn errors_are_of_the_clients_dialect() {
    for (path, header, name) in [
        ("/v1/chat/completions", "", "openai_chat"),
        ("/nowhere", "", "openai_chat"),
        ("/v1/responses/resp_1", "", "openai_responses"),
        ("/v1/messages/of/nobody", "", "anthropic"),
        ("/v1beta/models/m:sing", "", "gemini"),
        ("/v1/models", "anthropic-version", "anthropic"),
        ("/v1beta/models", "anthropic-version", "anthropic"),
        ("/v1/models", "openai-beta", "openai_chat"),
    ] {
        assert_eq!(of_errors(path, |known| known == header).name, name, "{path} with `{header}`");
    }
}

#[test]
fn a_key_stands_in_the_query_of_gemini_paths_only() {
    for (path, query, key) in [
        ("/v1beta/models/m:generateContent", "alt=sse&key=a", Some("a")),
        ("/v1/models/m:generateContent", "key=a", Some("a")),
        ("/v1beta/models", "key=a&pageSize=5", Some("a")),
        ("/v1beta/models", "monkey=a", None),
        ("/v1beta/models", "key", None),
        ("/v1/models", "key=a", None),
        ("/v1/chat/completions", "key=a", None),
        ("/v1/messages", "beta=true&key=a", None),
    ] {
        assert_eq!(Dialect::key_in_query(path, query), key, "{path}?{query}");
    }
}

#[test]
fn work_is_of_the_dialects_that_list_it() {
    for endpoint in [Endpoint::ChatCompletions, Endpoint::GenerateContent, Endpoint::Messages, Endpoint::Speech] {
        let serving: Vec<_> = DIALECTS.iter().filter(|dialect| dialect.serves(endpoint)).map(|d| d.name).collect();
        assert_eq!(serving.len(), 1, "{endpoint:?}: {serving:?}");
    }
    let embedding: Vec<_> = DIALECTS.iter().filter(|d| d.serves(Endpoint::Embeddings)).map(|d| d.name).collect();
    assert_eq!(embedding, ["openai_chat", "gemini"]);
}

#[test]
fn who_reads_an_answer_has_the_codec_for_it() {
    for dialect in DIALECTS {
        assert!(DIALECTS.iter().any(|other| other.name == dialect.spoken), "{}", dialect.name);
        if dialect.watched == Watched::ByDecoder {
            assert!(dialect.codec.is_some() && provider(dialect.name).is_some(), "{}", dialect.name);
        }
    }
}
