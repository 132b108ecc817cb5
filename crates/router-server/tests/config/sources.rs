//! Where settings come from and which wins; channels from the environment; the simulated ones.

use std::collections::BTreeSet;
use std::fs;

use smart_ai_router::config::{self, DemoBase, Level, Loaded, Overrides, Source};

use crate::{env, load, valid};

fn texts(files: &[(&str, &str)]) -> Source {
    Source::Texts(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.channels.iter().map(|channel| &*channel.spec.name).collect()
}

#[test]
fn command_line_over_environment_over_files_over_defaults() {
    let file = "server: { port: 1001 }\n";
    let variable = ("SMART_AI_ROUTER__SERVER__PORT", "1002");
    let flag = Overrides { settings: vec![("server.port".to_owned(), "1003".to_owned())], ..Overrides::default() };
    for (file, variables, overrides, port) in [
        ("", &[][..], Overrides::default(), 8000),
        (file, &[], Overrides::default(), 1001),
        (file, &[variable], Overrides::default(), 1002),
        (file, &[variable], flag.clone(), 1003),
        ("", &[], flag, 1003),
    ] {
        let loaded = config::load(&texts(&[("a.yaml", file)]), &env(variables), &overrides).expect("valid");
        assert_eq!(loaded.system.server.port, port);
    }
}

#[test]
fn any_setting_can_come_from_the_environment() {
    let loaded = valid(
        "server: { trusted_proxies: [10.0.0.1] }\n",
        &[
            ("SMART_AI_ROUTER__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.0/16"),
            ("SMART_AI_ROUTER__TIMEOUTS__FIRST_BYTE", "7s"),
            ("SMART_AI_ROUTER__TELEMETRY__METRICS_AUTH", "true"),
            ("SMART_AI_ROUTER__CATALOG__EXCHANGE_RATES__CNY", "7.5"),
            ("SMART_AI_ROUTER__JOBS__QUOTA_RESET__CRON", "5 0 * * *"),
            ("SMART_AI_ROUTER__SERVER__CORS_ORIGINS", "[\"https://a.example.com\"]"),
            ("SMART_AI_ROUTER__BUDGETS__DAILY", "12.5"),
            ("SMART_AI_ROUTER_ADMIN_KEY", "not a setting"),
        ],
    );
    let system = loaded.system;
    assert_eq!(system.server.trusted_proxies.len(), 2);
    assert_eq!(system.timeouts.first_byte.as_millis(), 7000);
    assert!(system.telemetry.metrics_auth);
    assert_eq!(system.catalog.exchange_rates["CNY"].to_string(), "7.5");
    assert_eq!(system.catalog.exchange_rates["EUR"].to_string(), "0.9");
    assert_eq!(system.jobs.quota_reset.cron, "5 0 * * *");
    assert_eq!(system.jobs.data_cleanup.cron, "0 2 * * *");
    assert_eq!(system.server.cors_origins, ["https://a.example.com"]);
    assert_eq!(system.budgets.daily.expect("given").to_string(), "12.5");
}

#[test]
fn faults_from_the_environment_name_the_variable_and_not_its_value() {
    for (name, value, expected) in [
        (
            "SMART_AI_ROUTER__SERVER__PORT",
            "hunter2",
            "environment SMART_AI_ROUTER__SERVER__PORT: server.port: the value from the environment is not a whole number from 0 to 65535",
        ),
        (
            "SMART_AI_ROUTER__SERVR__PORT",
            "1",
            "environment SMART_AI_ROUTER__SERVR__PORT: servr: unknown key; did you mean `server`?",
        ),
        (
            "DATABASE_URL",
            "mysql://u:hunter2@h/d",
            "environment DATABASE_URL: database.url: allowed: sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "OPENAI_API_KEY",
            "hunter2 hunter2",
            "environment OPENAI_API_KEY: not a key; allowed: visible ASCII characters without spaces",
        ),
    ] {
        let problems = load("", &[(name, value)]).expect_err(name);
        assert_eq!(problems.to_string(), expected);
    }
    let problems = load("", &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://u:hunter2@h")]).expect_err("a user");
    assert!(problems.to_string().starts_with("environment OPENAI_BASE_URL: not an address"), "{problems}");
    assert!(!problems.to_string().contains("hunter2"));
}

#[test]
fn the_database_follows_url_then_data_folder() {
    let in_folder = Overrides { data_dir: Some("/var/lib/router".into()), ..Overrides::default() };
    for (file, variables, overrides, url) in [
        ("", &[][..], Overrides::default(), "sqlite://data/router.db"),
        ("", &[], in_folder.clone(), "sqlite:///var/lib/router/router.db"),
        (
            "database: { url: \"sqlite://data/router.db\" }\n",
            &[],
            in_folder.clone(),
            "sqlite:///var/lib/router/router.db",
        ),
        ("database: { url: \"sqlite://x.db\" }\n", &[], in_folder.clone(), "sqlite://x.db"),
        ("", &[("DATABASE_URL", "postgres://h/d")], in_folder, "postgres://h/d"),
    ] {
        let loaded = config::load(&texts(&[("a.yaml", file)]), &env(variables), &overrides).expect("valid");
        assert_eq!(loaded.system.database.url.expose(), url);
    }
}

#[test]
fn several_files_are_one_configuration() {
    let channel =
        |name: &str| format!("channels: [{{ name: {name}, provider: groq, api_keys: [k-{name}], models: [] }}]\n");
    let (a, b) = (channel("a"), channel("b"));
    let loaded = config::load(
        &texts(&[
            ("1.yaml", &a),
            ("2.yaml", &b),
            ("3.yaml", "server: { port: 1 }\n"),
            ("4.yaml", "server: { host: localhost }\n"),
        ]),
        &env(&[]),
        &Overrides::default(),
    )
    .expect("valid");
    assert_eq!(names(&loaded), ["a", "b"]);
    assert_eq!((loaded.system.server.port, loaded.system.server.host.as_str()), (1, "localhost"));

    let twice = texts(&[
        ("1.yaml", "server: { port: 1 }\nproviders: { groq: {} }\n"),
        ("2.yaml", "server: { port: 2 }\nproviders: { groq: {} }\n"),
    ]);
    let problems = config::load(&twice, &env(&[]), &Overrides::default()).expect_err("twice");
    assert_eq!(
        problems.to_string(),
        "2.yaml:1:17: server.port: given twice; the first stands at 1.yaml:1:17\n\
         2.yaml:2:20: providers.groq: given twice; the first stands at 1.yaml:2:20"
    );
}

#[test]
fn a_key_in_the_environment_is_a_channel() {
    let loaded = valid("", &[("OPENAI_API_KEY", "sk-a,sk-b"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")]);
    let [channel] = loaded.channels.as_slice() else { panic!("{:?}", names(&loaded)) };
    assert_eq!((&*channel.spec.name, &*channel.spec.base_url), ("openai", "http://127.0.0.1:9/v1"));
    assert_eq!(
        channel.secrets.iter().map(|(id, s)| (&**id, s.expose())).collect::<Vec<_>>(),
        [("openai/key-1", "sk-a"), ("openai/key-2", "sk-b")]
    );
    assert!(!channel.from_file);
    let mini = channel.spec.models.iter().find(|model| &*model.name == "gpt-4o-mini").expect("in the catalogue");
    assert!(mini.price.is_some());
    assert!(loaded.has_real_channel());
}

#[test]
fn a_key_that_a_file_uses_is_no_second_channel() {
    let file =
        "channels:\n  - { name: openai, provider: openai, api_keys: [\"${OPENAI_API_KEY}\"], models: [gpt-4o] }\n";
    let same = valid(file, &[("OPENAI_API_KEY", "sk-a")]);
    assert_eq!(names(&same), ["openai"]);
    assert_eq!(same.notices[0].level, Level::Info);

    let other = "channels:\n  - { name: openai, provider: openai, api_keys: [\"${MY_KEY}\"], models: [gpt-4o] }\n";
    let both = valid(other, &[("OPENAI_API_KEY", "sk-a"), ("MY_KEY", "sk-b")]);
    assert_eq!(names(&both), ["openai", "openai-env"]);
}

#[test]
fn vendors_of_every_dialect_make_channels() {
    let loaded = valid("", &[("ANTHROPIC_API_KEY", "sk-ant"), ("GEMINI_API_KEY", "g-1")]);
    assert_eq!(names(&loaded), ["anthropic", "gemini"]);
    assert!(loaded.channels.iter().all(|channel| !channel.spec.models.is_empty()));
}

#[test]
fn simulated_channels_serve_the_groups_until_a_real_one_has_existed() {
    let demo = |existed| Overrides {
        demo: Some(DemoBase { base_url: "http://127.0.0.1:9".to_owned() }),
        real_channel_ever_existed: existed,
        ..Overrides::default()
    };
    let rule = |loaded: &Loaded, name: &str| {
        let group = loaded.groups.iter().find(|group| &*group.name == name).expect(name);
        group.select.as_ref().expect("a rule").tags.clone()
    };
    for (variables, existed, tags) in
        [(&[][..], false, &[][..]), (&[], true, &["!demo"]), (&[("GROQ_API_KEY", "k")], false, &["!demo"])]
    {
        let loaded = config::load(&Source::Texts(Vec::new()), &env(variables), &demo(existed)).expect("valid");
        assert_eq!(rule(&loaded, "auto:cheap"), tags, "{variables:?} {existed}");
        assert_eq!(rule(&loaded, "auto:demo"), ["demo"]);
        let simulated = loaded.channels.iter().find(|channel| &*channel.spec.name == "demo-fast").expect("simulated");
        assert_eq!(&*simulated.spec.base_url, "http://127.0.0.1:9/demo-fast/v1");
    }
    assert!(valid("", &[]).groups.iter().all(|group| &*group.name != "auto:demo"));
}

#[test]
fn folders_and_files_are_read_and_their_changes_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
    write("system.yaml", "server: { port: 9 }\n");
    write("extra.yml", "logging: { level: debug }\n");
    write(".hidden.yaml", "broken: [\n");
    write("notes.txt", "broken: [\n");
    let source = Source::Path(folder.path().to_owned());
    let loaded = config::load(&source, &env(&[]), &Overrides::default()).expect("valid");
    assert_eq!((loaded.system.server.port, loaded.files.len()), (9, 2));
    assert_eq!(config::content_digest(&source), loaded.content_digest);

    write("system.yaml", "server: { port: 10 }\n");
    assert_ne!(config::content_digest(&source), loaded.content_digest);

    let one = Source::Path(folder.path().join("system.yaml"));
    assert_eq!(config::load(&one, &env(&[]), &Overrides::default()).expect("valid").system.server.port, 10);
    let none = Source::Path(folder.path().join("absent"));
    let problems = config::load(&none, &env(&[]), &Overrides::default()).expect_err("absent");
    assert!(problems.to_string().ends_with("absent: no such file or folder"), "{problems}");
}

#[test]
fn the_hash_follows_meaning_and_secrets_but_not_spelling() {
    let hash = |text: &str, variables: &[(&str, &str)]| valid(text, variables).hash;
    let plain = hash("server: { port: 9000, host: localhost }\n", &[]);
    assert_eq!(plain, hash("# moved\nserver:\n  host: \"localhost\"\n  port: 9000\n", &[]));
    assert_ne!(plain, hash("server: { port: 9001, host: localhost }\n", &[]));
    assert_ne!(hash("", &[("GROQ_API_KEY", "a")]), hash("", &[("GROQ_API_KEY", "b")]));
    assert_eq!(plain.len(), 64);
}

#[test]
fn no_secret_shows_in_any_output() {
    let file = "channels:\n  - { name: a, provider: openai, api_keys: [hunter2-in-clear, \"${K}\"], models: [gpt-4o] }\n\
                keys: [{ name: ci, value: \"${C}\" }]\nredis: { url: \"redis://u:hunter2@h\" }\negress: { proxy: \"http://hunter2:1\" }\n";
    let variables = [("K", "hunter2-from-env"), ("C", "sk-router-hunter2-hunter2"), ("GROQ_API_KEY", "hunter2-groq")];
    let loaded = valid(file, &variables);
    let spec = loaded.catalog_spec(1, Vec::new());
    let printed = [
        format!("{loaded:?}"),
        format!("{:?}", loaded.system),
        format!("{:?}", loaded.channels),
        format!("{spec:?}"),
        format!("{:?}", loaded.notices),
        loaded.canonical.clone(),
    ];
    for text in printed {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(loaded.notices.iter().any(|notice| notice.subject == "channels[0].api_keys[0]"), "clear text is told");
}

#[test]
fn every_channel_name_is_its_own() {
    let loaded = valid(
        "",
        &[
            ("OPENAI_API_KEY", "a"),
            ("GROQ_API_KEY", "b"),
            ("DEEPSEEK_API_KEY", "c"),
            ("OLLAMA_HOST", "localhost"),
            ("TUZI_API_KEY", "d"),
        ],
    );
    let unique: BTreeSet<&str> = names(&loaded).into_iter().collect();
    assert_eq!(unique, BTreeSet::from(["openai", "groq", "deepseek", "ollama", "tuzi"]));
}
