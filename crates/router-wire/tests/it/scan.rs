//! The scanner against serde_json as oracle, and what it notices.

use proptest::prelude::*;
use router_wire::scan::{Field, Kind, MAX_DEPTH, ScanError, scan};
use serde_json::value::RawValue;

/// What the scanner accepts beyond or below the oracle is listed here and nowhere else.
fn oracle(body: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(body).is_ok_and(|raw| raw.get().trim_start().starts_with('{'))
}

fn agrees(body: &[u8]) {
    match scan(body) {
        Ok(_) => assert!(oracle(body), "accepted: {}", String::from_utf8_lossy(body)),
        Err(ScanError::Invalid { .. }) => assert!(!oracle(body), "refused: {}", String::from_utf8_lossy(body)),
        // Stricter on purpose; such a body is still JSON, or broken after the place where reading stopped.
        Err(_) => {}
    }
}

#[test]
fn agrees_with_a_strict_parser() {
    let bodies: &[&[u8]] = &[
        b"",
        b" ",
        b"{}",
        b" { } ",
        b"[]",
        b"1",
        b"\"a\"",
        b"null",
        b"{",
        b"}",
        b"{]",
        b"[}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1",
        b"{\"a\":1,}",
        b"{,\"a\":1}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\":1}x",
        b"{\"a\":1}{}",
        b"{\"a\":[1,]}",
        b"{\"a\":[,1]}",
        b"{\"a\":[]}",
        b"{\"a\":[1 2]}",
        b"{\"a\":01}",
        b"{\"a\":-}",
        b"{\"a\":-0}",
        b"{\"a\":1.}",
        b"{\"a\":.5}",
        b"{\"a\":1.0}",
        b"{\"a\":1e5}",
        b"{\"a\":1E+5}",
        b"{\"a\":1e}",
        b"{\"a\":1e+}",
        b"{\"a\":+1}",
        b"{\"a\":12345678901234567890123}",
        b"{\"a\":1e9999}",
        b"{\"a\":NaN}",
        b"{\"a\":nul}",
        b"{\"a\":nulll}",
        b"{\"a\":tru}",
        b"{\"a\":True}",
        b"{\"a\":false}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":\"\\x\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":\"\\u12G4\"}",
        b"{\"a\":\"\\u1234\"}",
        b"{\"a\":\"\\ud83d\"}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\x7f\"}",
        b"{\"a\":\"unterminated}",
        b"{\"a\":\"\\\"}",
        b"{\"a\":\"\\\\\"}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc3\x28\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":1}\x00",
        b"{\"a\"\x0b:1}",
        b"{\"a\":1}//x",
        b"{\"a\":{\"a\":{}}}",
        b"{\"a\":[[[{}]]]}",
        b"{\"a\":[{]}",
        b"{\"\":1}",
        b"{\"a\":\"0123456789012345678901234567890123456789\"}",
        b"{\"a\":\"01234567890123456789\x01234567890123456789\"}",
        b"{\"a\":\"01234567890123456789\\n0123456789\\u00e90123456789\"}",
        b"{1:2}",
        b"{\"a\":\"b\"\"c\":1}",
        b"{\"a\"::1}",
        b"{\"a\":1,,\"b\":1}",
    ];
    for body in bodies {
        agrees(body);
    }
}

#[test]
fn nesting_is_bounded_and_does_not_recurse() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(scan(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert!(matches!(scan(nested(MAX_DEPTH).as_bytes()), Err(ScanError::TooDeep { .. })));
    assert!(matches!(scan(nested(1_000_000).as_bytes()), Err(ScanError::TooDeep { .. })));
}

#[test]
fn top_level_keys_stand_once_whatever_their_spelling() {
    let twins = [
        (r#"{"model":"a","model":"b"}"#, "model"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "model"),
        (r#"{"foo":1,"bar":2,"f\u006fo":3}"#, "foo"),
        (r#"{"":1,"":2}"#, ""),
    ];
    for (body, twin) in twins {
        assert_eq!(scan(body.as_bytes()).unwrap_err(), ScanError::DuplicateKey { key: twin.into() }, "{body}");
    }
    assert!(scan(br#"{"a":{"x":1,"x":2},"x":1}"#).is_ok(), "below the top level the provider decides");
    let many =
        |count: usize| format!("{{{}}}", (0..count).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","));
    assert!(scan(many(1_000).as_bytes()).is_ok());
    assert_eq!(scan(many(1_001).as_bytes()).unwrap_err(), ScanError::TooManyFields);
}

#[test]
fn errors_name_line_and_column() {
    let error = scan(b"{\n  \"a\": 1,\n  oops\n}").unwrap_err();
    assert_eq!(error, ScanError::Invalid { what: "something other than a key in quotes", at: 14, line: 3, column: 3 });
    assert!(error.to_string().contains("line 3, column 3"));
}

#[test]
fn fields_are_found_with_their_ranges() {
    let body = br#" { "foo" : [1] , "mod\u0065l" : "auto\u003afast" , "n":null,"stream":true}"#;
    let found = scan(body).unwrap();
    assert_eq!(found.string(body, Field::Model).unwrap(), "auto:fast");
    let model = found.field(Field::Model).unwrap();
    assert_eq!(model.value.of(body).unwrap(), br#""auto\u003afast""#);
    assert_eq!(model.key.of(body).unwrap(), br#""mod\u0065l""#);
    assert_eq!((model.ordinal, body[model.comma]), (1, b','));
    assert_eq!(found.value(body, Field::Stream), Some((Kind::True, &b"true"[..])));
    assert_eq!(found.value(body, Field::N), None);
    assert_eq!(found.field(Field::N).unwrap().kind, Kind::Null);
    assert!(found.field(Field::Messages).is_none());
}

#[test]
fn media_do_not_count_as_text() {
    let data = "A".repeat(3_000_000);
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"text","text":"你好 hi"}},
        {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}","detail":"low"}}}},
        {{"image_url":{{"url":"https://example.org/a.png"}},"type":"image_url"}},
        {{"type":"input_audio","input_audio":{{"data":"{}","format":"wav"}}}},
        {{"type":"file","file":{{"filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}}}}]}},
        {{"role":"assistant","content":"ok","tool_calls":[{{"id":"1","type":"file","function":{{"name":"f","arguments":"{{}}"}}}}]}}],
        "tools":[{{"type":"function"}},{{"type":"function"}}]}}"#,
        "B".repeat(5_000)
    );
    let used = scan(body.as_bytes()).unwrap().features;
    assert_eq!((used.messages, used.tools), (2, 2));
    assert_eq!((used.images, used.images_low, used.audios, used.files), (2, 1, 1, 1));
    assert_eq!((used.text.wide, used.text.other), (2, 0));
    assert!(used.text.ascii < 30, "{}", used.text.ascii);
    assert!(used.media_bytes > 3_005_000 && used.media_bytes < 3_005_200);
}

#[test]
fn a_text_part_that_looks_like_an_image_is_text() {
    let body =
        br#"{"messages":[{"content":[{"type":"text","text":"data:image/png;base64,AAAA"}]},{"content":"image_url"}]}"#;
    let used = scan(body).unwrap().features;
    assert_eq!((used.images, used.media_bytes, used.text.ascii), (0, 0, 35));
}

#[test]
fn token_lists_are_counted() {
    for (body, inputs, ids) in [
        (r#"{"input":"a"}"#, 0, 0),
        (r#"{"input":["a","b"]}"#, 2, 0),
        (r#"{"input":[1,2,3]}"#, 0, 3),
        (r#"{"input":[[1,2],[3]]}"#, 2, 3),
        (r#"{"prompt":[[1],[2]]}"#, 2, 2),
        (r#"{"other":[1,2,3]}"#, 0, 0),
    ] {
        let used = scan(body.as_bytes()).unwrap().features;
        assert_eq!((used.inputs, used.token_ids), (inputs, ids), "{body}");
    }
}

#[test]
fn messages_are_bounded() {
    let many = |count: usize| format!("{{\"messages\":[{}]}}", vec!["{}"; count].join(","));
    assert!(scan(many(2_048).as_bytes()).is_ok());
    assert_eq!(scan(many(2_049).as_bytes()).unwrap_err(), ScanError::TooManyMessages);
}

/// Any JSON value, as text with odd whitespace, escapes and numbers.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0".to_owned()),
        Just("12345678901234567890".to_owned()),
        Just("1.0".to_owned()),
        "-?[1-9][0-9]{0,4}(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "\"([a-z中é ]|\\\\n|\\\\u00e9|\\\\\"){0,40}\"",
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[ {} ]", items.join(" ,\n"))),
            prop::collection::vec(("[a-z]{0,6}", inner), 0..6).prop_map(|items| {
                let members: Vec<_> = items.iter().map(|(key, value)| format!("\"{key}\":\t{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn valid_bodies_pass_and_broken_ones_agree(value in json(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let body = format!("{{\"model\":\"m\",\"x\":{value}}}").into_bytes();
        prop_assert!(scan(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
        let place = cut.index(body.len());
        agrees(&body[..place]);
        let mut changed = body.clone();
        changed[place] = byte;
        agrees(&changed);
        let mut missing = body;
        missing.remove(place);
        agrees(&missing);
    }

    #[test]
    fn arbitrary_bytes_agree(body in "[\\[\\]{}:,\"\\\\a0-9.eEtrufalsn \n-]{0,40}") {
        agrees(body.as_bytes());
    }
}
