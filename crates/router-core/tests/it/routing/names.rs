//! What a name stands for, in the order of the contract, and what a key may see of it.

use router_core::catalog::{KeyIx, Snapshot};
use router_core::routing::{Members, Variant, exists, resolve};

use super::{build, catalogue, channel, group, key, member, model, name};

fn world() -> Snapshot {
    let with = |mut spec: router_core::catalog::spec::ChannelModelSpec, aliases: &[&str], tags: &[&str]| {
        spec.aliases = aliases.iter().map(|alias| (*alias).into()).collect();
        spec.tags = tags.iter().map(|tag| (*tag).into()).collect();
        spec
    };
    let mut openai = channel(
        "main",
        vec![
            with(model("gpt-4o", 250), &["gpt-4o-stable"], &["flagship"]),
            with(model("gpt-4o-mini", 15), &[], &["fast"]),
            with(model("shared", 10), &[], &[]),
        ],
    );
    openai.provider = "openai".into();
    openai.kind = "openai".into();
    let mut claude = channel(
        "claude",
        vec![
            model("claude-3-haiku-20240307", 25),
            model("claude-3-5-sonnet-20240620", 300),
            model("claude-3-5-sonnet-20241022", 300),
        ],
    );
    claude.provider = "anthropic".into();
    let mut many = channel("many", vec![model("meta-llama/llama-3.1-70b", 50), with(model("qwen3-32b", 0), &[], &[])]);
    many.provider = "openrouter".into();
    many.models.push(model("deepseek/deepseek-r1:free", 0));
    let mut local = channel("local", vec![with(model("shared", 0), &["gpt-4o-stable"], &["local"])]);
    local.provider = "ollama".into();
    let mut fast = group("auto:fast", "balanced");
    fast.select = None;
    fast.members = vec![member("gpt-4o-mini")];
    let mut spec = catalogue(vec![openai, claude, many, local], vec![fast, group("gpt-4o-mini:free", "balanced")]);
    spec.keys = vec![
        key("all", &[]),
        key("groups", &["auto:*"]),
        key("mini", &["gpt-4o-mini", "claude-3-haiku"]),
        key("suffix", &["*:free", "*-latest", "tag:*", "channel:*", "openai/*"]),
    ];
    build(spec)
}

fn found(snapshot: &Snapshot, key: Option<KeyIx>, text: &str) -> String {
    let Ok(target) = resolve(snapshot, key, text) else { return "nothing".into() };
    let models: Vec<_> = match &target.members {
        Members::Group(ix) => return format!("group {}", snapshot.group(*ix).expect("the group").name),
        Members::Name(list) => snapshot.list(*list).to_vec(),
        Members::Models(models) => models.to_vec(),
    };
    let names = models.iter().map(|ix| match name(snapshot, *ix).as_str() {
        "local" => "local/shared".to_owned(),
        other => other.to_owned(),
    });
    names.chain(target.variant.map(|variant| format!("{variant:?}"))).collect::<Vec<_>>().join(" ")
}

#[test]
fn names_resolve_in_the_order_of_the_contract() {
    let snapshot = world();
    for (text, expected) in [
        ("auto:fast", "group auto:fast"),
        ("anthropic/auto:fast", "group auto:fast"),
        ("gpt-4o", "main/gpt-4o"),
        ("GPT-4o", "main/gpt-4o"),
        ("shared", "main/shared local/shared"),
        ("gpt-4o-stable", "main/gpt-4o local/shared"),
        ("meta-llama/llama-3.1-70b", "many/meta-llama/llama-3.1-70b"),
        ("tag:fast", "main/gpt-4o-mini"),
        ("tags: fast , !local", "main/gpt-4o-mini"),
        ("tag:Flagship", "main/gpt-4o"),
        ("tag:free,qwen3,!local", "many/qwen3-32b"),
        ("tag:free,!qwen3,!local", "many/deepseek/deepseek-r1:free"),
        ("tag:free,!unheard-of", "many/qwen3-32b many/deepseek/deepseek-r1:free local/shared"),
        ("tag:unheard-of", "nothing"),
        ("tag:", "nothing"),
        ("tag:fast,local", "nothing"),
        ("openai/gpt-4o", "main/gpt-4o"),
        ("OpenAI/gpt-4o-2024-08-06", "main/gpt-4o"),
        ("ollama/shared", "local/shared"),
        ("openai_compatible/shared", "local/shared"),
        ("anthropic/claude-3-haiku", "claude/claude-3-haiku-20240307"),
        ("channel:local/shared", "local/shared"),
        ("channel:claude/claude-3-haiku", "claude/claude-3-haiku-20240307"),
        ("channel:nobody/shared", "nothing"),
        ("channel:local", "nothing"),
        ("claude-3-haiku", "claude/claude-3-haiku-20240307"),
        ("claude-3-haiku-latest", "claude/claude-3-haiku-20240307"),
        ("claude-3-5-sonnet", "claude/claude-3-5-sonnet-20241022"),
        ("claude-3-5-sonnet-20240620", "claude/claude-3-5-sonnet-20240620"),
        ("claude-3-5-sonnet-20230101", "nothing"),
        ("gpt-4o-2024-08-06", "main/gpt-4o"),
        ("models/gpt-4o", "main/gpt-4o"),
        ("unknown-vendor/gpt-4o", "main/gpt-4o"),
        ("llama-3.1-70b", "many/meta-llama/llama-3.1-70b"),
        ("gpt-4o:floor", "main/gpt-4o Floor"),
        ("gpt-4o:nitro", "main/gpt-4o Nitro"),
        ("qwen3-32b:free", "many/qwen3-32b Free"),
        ("deepseek/deepseek-r1:free", "many/deepseek/deepseek-r1:free"),
        ("gpt-4o-mini:free", "group gpt-4o-mini:free"),
        ("", "nothing"),
        ("/", "nothing"),
        ("gpt-5", "nothing"),
    ] {
        assert_eq!(found(&snapshot, None, text), expected, "{text:?}");
        assert_eq!(exists(&snapshot, text), expected != "nothing", "{text:?}");
    }
    assert_eq!(resolve(&snapshot, None, "auto:fast:floor").expect("found").variant, Some(Variant::Floor));
}

#[test]
fn what_a_key_may_not_use_does_not_exist() {
    let snapshot = world();
    let ix = |name: &str| snapshot.key_by_hash(&key(name, &[]).hash);
    for (who, text, expected) in [
        ("all", "gpt-4o", "main/gpt-4o"),
        ("groups", "auto:fast", "group auto:fast"),
        ("groups", "gpt-4o-mini", "nothing"),
        ("groups", "tag:fast", "nothing"),
        ("mini", "gpt-4o-mini", "main/gpt-4o-mini"),
        ("mini", "auto:fast", "nothing"),
        ("mini", "gpt-4o", "nothing"),
        ("mini", "openai/gpt-4o-mini", "main/gpt-4o-mini"),
        ("mini", "openai/gpt-4o", "nothing"),
        ("mini", "claude-3-haiku", "claude/claude-3-haiku-20240307"),
        ("mini", "claude-3-haiku-20240307", "claude/claude-3-haiku-20240307"),
        ("mini", "tag:openai", "main/gpt-4o-mini"),
        // patterns judge what is found, never the text: these texts match patterns of the key
        ("suffix", "gpt-4o-latest", "nothing"),
        ("suffix", "tag:flagship", "nothing"),
        ("suffix", "channel:main/gpt-4o", "nothing"),
        ("suffix", "openai/gpt-4o", "nothing"),
        ("suffix", "qwen3-32b:free", "nothing"),
        ("suffix", "deepseek/deepseek-r1:free", "many/deepseek/deepseek-r1:free"),
    ] {
        assert_eq!(found(&snapshot, ix(who), text), expected, "{who} {text}");
    }
    assert_eq!(found(&snapshot, Some(KeyIx(99)), "gpt-4o"), "nothing", "a key of another snapshot");
}

#[test]
fn not_found_names_the_nearest_permitted() {
    let snapshot = world();
    let near = |key: Option<KeyIx>, text: &str| {
        let names = resolve(&snapshot, key, text).expect_err("not found").nearest;
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let long = "g".repeat(10_000);
    for (who, text, expected) in [
        (None, "gpt-4p", "gpt-4o"),
        (None, "gpt-4-mini", "gpt-4o-mini"),
        (None, "auto:fats", "auto:fast"),
        (None, "claude-3-5-sonet-20241022", "claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620"),
        (None, "entirely-different", ""),
        (None, "", ""),
        (None, long.as_str(), ""),
        (Some("groups"), "gpt-4p", ""),
        (Some("mini"), "gpt-4-mini", "gpt-4o-mini"),
    ] {
        let key = who.and_then(|name| snapshot.key_by_hash(&key(name, &[]).hash));
        let answer = near(key, text);
        assert!(answer.starts_with(expected), "{text:?}: {answer}");
        assert!(answer.split(' ').count() <= 3);
        if expected.is_empty() {
            assert_eq!(answer, "", "{text:?}");
        }
    }
}

#[test]
fn the_list_of_models_holds_what_the_key_may_use() {
    let snapshot = world();
    let list = |name: Option<&str>| {
        let key = name.and_then(|name| snapshot.key_by_hash(&key(name, &[]).hash));
        snapshot.listing(key).map(|listed| listed.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(list(Some("groups")), "auto:fast");
    assert_eq!(list(Some("mini")), "claude-3-haiku-20240307 gpt-4o-mini");
    assert_eq!(snapshot.listing(None).count(), 2 + 9);
    let shared = snapshot.listing(None).find(|listed| &**listed.name == "shared").expect("listed");
    assert_eq!((shared.owned_by, shared.context_length, shared.is_group), ("openai", Some(8_000), false));
    let fast = snapshot.listing(None).next().expect("the group");
    assert_eq!((fast.owned_by, fast.display_name, fast.is_group), ("smart-ai-router", "auto:fast", true));
}
