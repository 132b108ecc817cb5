//! What keeps a router from starting, with the exit code and the words that an operator needs.

use router_testkit::SimProvider;
use serde_json::json;

use crate::support::TestRouter;

#[tokio::test]
async fn a_broken_file_names_its_place() {
    let table = [
        ("server: { prot: 8000 }\n", "config/router.yaml:1:11", "port"),
        ("server:\n  shutdown_grace: soon\n", "config/router.yaml:2:19", "server.shutdown_grace"),
        ("channels:\n  - name: a\n", "config/router.yaml:2:5", "provider"),
        ("channels: [\n", "config/router.yaml:", ""),
        ("model_groups: { auto:x: { strategy: luck } }\n", "config/router.yaml:1:", "strategy"),
        ("redis: { url: \"${NO_SUCH_VARIABLE}\" }\n", "config/router.yaml:1:", "NO_SUCH_VARIABLE"),
    ];
    for (text, place, word) in table {
        let ended = TestRouter::fails(TestRouter::setup().text(text)).await;
        assert_eq!(ended.code, Some(2), "{text}: {ended:?}");
        assert!(ended.stderr.contains(place) && ended.stderr.contains(word), "{text}: {}", ended.stderr);
        assert!(!ended.stdout.contains("listening"), "{text}");
    }
}

#[tokio::test]
async fn a_taken_port_ends_with_2() {
    let taken = SimProvider::start().await;
    let setup = TestRouter::setup().env("SMART_AI_ROUTER__SERVER__PORT", &taken.address().port().to_string());
    let ended = TestRouter::fails(setup).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(&taken.address().to_string()), "{}", ended.stderr);
}

#[tokio::test]
async fn a_second_instance_ends_with_5_and_harms_nothing() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let second = router.second_fails().await;
    assert_eq!(second.code, Some(5), "{second:?}");
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(router.row().await.status, "completed");
}

#[tokio::test]
async fn a_wrong_master_key_ends_with_3() {
    const NAME: &str = "SMART_AI_ROUTER_MASTER_KEY";
    let right = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let mut router = TestRouter::setup().env(NAME, right).start().await;
    router.stop().await;
    for wrong in ["EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=", "short", "not base64 at all!"] {
        let ended = router.starts_with(NAME, wrong).await;
        assert_eq!(ended.code, Some(3), "{wrong}: {ended:?}");
        assert!(!ended.stderr.contains(wrong), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_lost_master_key_ends_with_3_and_is_not_made_anew() {
    let provider = SimProvider::start().await;
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    router.stop().await;
    let path = router.data_dir().join("master.key");
    std::fs::remove_file(&path).expect("the first start made one");
    let ended = router.second_fails().await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn no_authentication_is_for_loopback_only() {
    let open = json!({"auth": {"required": false}});
    let ended =
        TestRouter::fails(TestRouter::setup().system(open.clone()).system(json!({"server": {"host": "0.0.0.0"}})))
            .await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().system(open).channel("only", &provider).start().await;
    assert_eq!(router.chat().without("authorization").send().await.status(), 200);
    router.chat().bearer("sk-router-nobody-0123456789").send().await.error(401, "invalid_api_key");
}

#[cfg(unix)]
#[tokio::test]
async fn the_data_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let router = TestRouter::setup().start().await;
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(router.data_dir()), 0o700);
    assert_eq!(mode(router.data_dir().join("master.key")), 0o600);
}
