//! Splicing: everything that routing need not change is the same byte.

use proptest::prelude::*;
use router_wire::scan::{Edits, Field, OutputCap, ROUTING_FIELDS, scan, splice};
use serde_json::Value;

fn spliced(body: &str, edits: &Edits<'_>) -> String {
    let scan = scan(body.as_bytes()).unwrap();
    let new = String::from_utf8(splice(body.as_bytes(), &scan, edits)).unwrap();
    serde_json::from_str::<serde::de::IgnoredAny>(&new).unwrap_or_else(|error| panic!("{error}: {new}"));
    new
}

const MODEL: Edits<'_> = Edits { model: "up", include_usage: false, output_cap: None, remove: &[] };

#[test]
fn only_the_model_changes() {
    for (body, new) in [
        (r#"{"model":"m"}"#, r#"{"model":"up"}"#),
        (
            "{ \"foo\" :12345678901234567890 ,\r\n\t\"model\"  : \"auto:fast\",\"t\":1.0,\"u\":\"\\u4e2d\\/\",\"z\":[ -0,1e2, 0.10 ]} ",
            "{ \"foo\" :12345678901234567890 ,\r\n\t\"model\"  : \"up\",\"t\":1.0,\"u\":\"\\u4e2d\\/\",\"z\":[ -0,1e2, 0.10 ]} ",
        ),
        (
            r#"{"messages":[{"model":"inner","content":"{\"model\":\"x\"}"}],"mod\u0065l":"m","a":{"model":1}}"#,
            r#"{"messages":[{"model":"inner","content":"{\"model\":\"x\"}"}],"mod\u0065l":"up","a":{"model":1}}"#,
        ),
        (r#"{"s":"\ud83d","model":"m"}"#, r#"{"s":"\ud83d","model":"up"}"#),
    ] {
        let scan = scan(body.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(splice(body.as_bytes(), &scan, &MODEL)).unwrap(), new);
    }
}

#[test]
fn a_model_name_is_escaped() {
    assert_eq!(spliced(r#"{"model":"m"}"#, &Edits { model: "a\"b\\中", ..MODEL }), r#"{"model":"a\"b\\中"}"#);
}

#[test]
fn streams_are_made_to_report_usage() {
    for (body, new) in [
        (r#"{"model":"m"}"#, r#"{"stream_options":{"include_usage":true},"model":"up"}"#),
        (r#"{"stream_options":null,"model":"m"}"#, r#"{"stream_options":{"include_usage":true},"model":"up"}"#),
        (r#"{"stream_options":{ },"model":"m"}"#, r#"{"stream_options":{"include_usage":true},"model":"up"}"#),
        (
            r#"{"stream_options":{"include_obfuscation":false},"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"up"}"#,
        ),
        (
            r#"{"stream_options":{"x":1.0,"include_usage" : false, "y":2},"model":"m"}"#,
            r#"{"stream_options":{"x":1.0,"include_usage" : true, "y":2},"model":"up"}"#,
        ),
        (
            r#"{"stream_options":{"include_usage":true ,"y":2},"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true ,"y":2},"model":"up"}"#,
        ),
        (
            r#"{"stream_options":{"include_usage":true,"include_usag\u0065":false},"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true},"model":"up"}"#,
        ),
    ] {
        assert_eq!(spliced(body, &Edits { include_usage: true, ..MODEL }), new);
    }
}

#[test]
fn the_reserved_cap_is_sent_where_none_was_named() {
    let cap = |param, rename| Edits { output_cap: Some(OutputCap { param, tokens: 4096, rename }), ..MODEL };
    let old = cap(Field::MaxTokens, false);
    let new = cap(Field::MaxCompletionTokens, true);
    for (body, edits, expected) in [
        (r#"{"model":"m"}"#, old, r#"{"max_tokens":4096,"model":"up"}"#),
        (r#"{"model":"m"}"#, new, r#"{"max_completion_tokens":4096,"model":"up"}"#),
        (r#"{"model":"m","max_tokens":null}"#, old, r#"{"model":"up","max_tokens":4096}"#),
        (r#"{"model":"m","max_tokens":7}"#, old, r#"{"model":"up","max_tokens":7}"#),
        (r#"{"model":"m","max_completion_tokens":7}"#, old, r#"{"model":"up","max_completion_tokens":7}"#),
        (r#"{"model":"m","max_tokens":7}"#, new, r#"{"model":"up","max_completion_tokens":7}"#),
        (
            r#"{"max_tokens":7,"model":"m","max_completion_tokens":9}"#,
            new,
            r#"{"model":"up","max_completion_tokens":9}"#,
        ),
        (
            r#"{"max_tokens":7,"model":"m","max_completion_tokens":null}"#,
            new,
            r#"{"max_completion_tokens":7,"model":"up"}"#,
        ),
        (
            r#"{"max_tokens":null,"model":"m","max_completion_tokens":null}"#,
            new,
            r#"{"max_tokens":null,"model":"up","max_completion_tokens":4096}"#,
        ),
    ] {
        assert_eq!(spliced(body, &edits), expected, "{body}");
    }
}

#[test]
fn routing_fields_go_with_their_commas() {
    let edits = Edits { remove: ROUTING_FIELDS, ..MODEL };
    for (body, new) in [
        (r#"{"models":["a,b"],"model":"m"}"#, r#"{"model":"up"}"#),
        (r#"{"model":"m","models":["a"]}"#, r#"{"model":"up"}"#),
        (r#"{"model":"m","models":["a"],"provider":{"a":1},"route":"fallback" }"#, r#"{"model":"up" }"#),
        (r#"{"models":[],"model":"m" , "provider" : {"x":"}"} , "k":1,"router":{}}"#, r#"{"model":"up" ,  "k":1}"#),
        (r#"{"provider":null,"router":1,"model":"m"}"#, r#"{"model":"up"}"#),
        (r#"{"models":["m","n"],"k":1}"#, r#"{"model":"up","k":1}"#),
        (r#"{"k":1, "models":["m"]}"#, r#"{"k":1, "model":"up"}"#),
        (r#"{"route":"fallback","models":["m"],"provider":{}}"#, r#"{"model":"up"}"#),
        (r#"{"models":["m"]}"#, r#"{"model":"up"}"#),
    ] {
        assert_eq!(spliced(body, &edits), new);
    }
    let all = Edits {
        include_usage: true,
        output_cap: Some(OutputCap { param: Field::MaxTokens, tokens: 1, rename: false }),
        ..edits
    };
    assert_eq!(
        spliced(r#"{"models":[1],"model":"m","router":1}"#, &all),
        r#"{"stream_options":{"include_usage":true},"max_tokens":1,"model":"up"}"#
    );
}

proptest! {
    /// Any order of fields, any edits: the result parses to the edited object, and the kept fields keep their order.
    #[test]
    fn the_result_is_the_edited_object(
        order in Just(vec![
            ("model", "\"m\""), ("models", "[1,2]"), ("provider", "{\"a\":[1,{}]}"), ("max_tokens", "5"), ("router", "null"),
            ("max_completion_tokens", "6"), ("stream_options", "{\"x\":1}"), ("foo", "1.0"), ("route", "\"a,b\""), ("é", "[]"),
        ]).prop_shuffle(),
        keep in 0_usize..1024, include_usage: bool, cap: bool, rename: bool,
    ) {
        let fields: Vec<_> = order.iter().enumerate().filter(|(i, (key, _))| *key == "foo" || keep >> i & 1 == 1).map(|(_, field)| *field).collect();
        let body = format!("{{{}}}", fields.iter().map(|(key, value)| format!(" \"{key}\" : {value} ")).collect::<Vec<_>>().join(","));
        let output_cap = cap.then_some(OutputCap { param: Field::MaxCompletionTokens, tokens: 9, rename });
        let edits = Edits { model: "up", include_usage, output_cap, remove: ROUTING_FIELDS };
        let new = spliced(&body, &edits);
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        let map = expected.as_object_mut().unwrap();
        if map.contains_key("model") || map.contains_key("models") { map.insert("model".into(), "up".into()); }
        for field in ROUTING_FIELDS { map.remove(field.name()); }
        if include_usage {
            map.entry("stream_options").or_insert_with(|| serde_json::json!({}))["include_usage"] = true.into();
        }
        if cap {
            match (map.contains_key("max_tokens"), map.contains_key("max_completion_tokens")) {
                (false, false) => { map.insert("max_completion_tokens".into(), 9.into()); }
                (true, false) if rename => { let old = map.remove("max_tokens").unwrap(); map.insert("max_completion_tokens".into(), old); }
                (true, true) if rename => { map.remove("max_tokens"); }
                _ => {}
            }
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), expected, "{}", new);
    }
}
