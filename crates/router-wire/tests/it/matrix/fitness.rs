//! Whether a provider can take a request depends on the kind of its model at most: a router asks once for each kind.

use std::collections::BTreeMap;

use router_wire::adapters::Quirks;
use router_wire::dialects::{PROVIDERS, Target};
use router_wire::message::{Content, Format, Part, Role, Turn};

use super::corpus::requests;

const MODELS: &[&str] = &[
    "gpt-4o",
    "gpt-5.2",
    "o3-mini",
    "deepseek-chat",
    "claude-3-5-haiku-latest",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-next",
    "glm-4.6",
    "gemini-2.0-flash",
    "gemini-2.5-pro",
    "gemini-3-pro-preview",
    "gemini-flash-latest",
    "gemma-3-27b-it",
];

#[test]
fn models_of_one_kind_take_the_same_requests() {
    let quirks = Quirks::default();
    let mut all = requests();
    // A request that ends with the assistant's words is continued by some models only.
    let mut prefilled = all[0].1.clone();
    prefilled.turns.push(Turn {
        role: Role::Assistant,
        parts: vec![Part { content: Content::Text { text: "So".into(), citations: Vec::new() }, cache: None }],
    });
    all.push(("prefilled", prefilled));
    // One with tools that shall answer in JSON, too.
    let mut both = all.iter().find(|(_, request)| !request.tools.is_empty()).unwrap().1.clone();
    both.format = Format::Json;
    all.push(("tools and JSON", both));
    let mut differ = 0;
    for codec in PROVIDERS {
        for (name, request) in &all {
            let mut kinds: BTreeMap<u8, (&str, Option<String>)> = BTreeMap::new();
            for model in MODELS {
                let target = Target::new(model, &quirks);
                let verdict = (codec.write_request)(request, &target).err().map(|why| why.to_string());
                let (other, known) = kinds.entry((codec.kind)(model)).or_insert_with(|| (model, verdict.clone()));
                assert_eq!(*known, verdict, "{}: `{name}` for {other} and {model}", codec.name);
            }
            let mut verdicts = kinds.values().map(|(_, verdict)| verdict.is_some());
            let first = verdicts.next();
            differ += usize::from(verdicts.any(|other| Some(other) != first));
        }
    }
    assert!(differ >= 2, "no request shows why there are kinds: {differ}");
}
