//! No secret leaves: not in logs, answers, metrics or pages, and not in clear in any file of the data folder.

use std::fs;
use std::path::{Path, PathBuf};

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{ADMIN, KEY, TestRouter};

const PROMPT: &str = "the-prompt-of-a-client-0123456789";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_is_found_anywhere_after_a_run_with_failures() {
    let provider = SimProvider::start().await;
    // Providers that quote the key they were given, in every kind of answer.
    let quote = "Incorrect API key provided: sk-upstream-quoted.";
    let scripts = [
        Script::error(401, "invalid_request_error", Some("invalid_api_key"), quote),
        Script::error(500, "server_error", None, quote),
        Script::error_with_200("server_error", None, quote),
        Script::body(502, "text/html", quote),
        Script::error_after(1, quote),
    ];
    let key = json!({"api_keys": ["sk-upstream-quoted"]});
    let mut router = TestRouter::setup()
        .channel("bad", &provider)
        .and(key)
        .dead_channel("dead")
        .env("OPENAI_API_KEY", "sk-environment-0123456789")
        .env("OPENAI_BASE_URL", &provider.base_url())
        .env("RUST_LOG", "trace")
        .start()
        .await;
    let mut seen = Vec::new();
    for script in scripts {
        provider.set(script);
        for stream in [false, true] {
            let call = router.chat().stream_if(stream).with(json!({"messages": [{"role": "user", "content": PROMPT}]}));
            seen.extend_from_slice(call.send().await.body());
        }
    }
    seen.extend_from_slice(router.chat().bearer("sk-router-wrong-0123456789").send().await.body());
    router.rows(10).await;
    let pages = ["/metrics", "/health", "/health/ready", "/"];
    for page in pages {
        seen.extend_from_slice(router.get(page).await.body());
    }
    for page in ["requests", "keys", "channels", "providers", "model-groups", "config/versions"] {
        seen.extend_from_slice(router.admin(&format!("/admin/v1/{page}")).await.body());
    }
    let ended = router.stop().await;
    seen.extend_from_slice(ended.stdout.as_bytes());
    seen.extend_from_slice(ended.stderr.as_bytes());

    let secrets = [
        KEY,
        ADMIN,
        "sk-upstream-quoted",
        "sk-environment-0123456789",
        "sk-upstream-dead",
        "sk-router-wrong-0123456789",
    ];
    for secret in secrets {
        assert!(!holds(&seen, secret), "{secret}: {}", around(&seen, secret));
    }
    assert!(!holds(&seen, PROMPT), "{}", around(&seen, PROMPT));
    let mut paths = Vec::new();
    files(&router.data_dir(), &mut paths);
    assert!(paths.iter().any(|path| path.ends_with("router.db")));
    for path in paths {
        let bytes = fs::read(&path).expect("a file");
        for secret in secrets.into_iter().chain([PROMPT]) {
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
}

/// Where it was found, for the message.
fn around(bytes: &[u8], text: &str) -> String {
    let whole = String::from_utf8_lossy(bytes);
    let at = whole.find(text).unwrap_or(0);
    whole.chars().skip(whole[..at].chars().count().saturating_sub(300)).take(500).collect()
}
