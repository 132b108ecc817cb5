//! Who may do what: the table of routes, walked with every kind of key.

use router_core::catalog::spec::Role;
use serde_json::json;
use smart_ai_router::admin::{Access, Verb, table};

use crate::control::{ADMIN, TestControl, USER, VIEWER};

fn permitted(access: Access, role: Option<Role>) -> bool {
    match access {
        Access::Public => true,
        Access::Own => role.is_some(),
        Access::Read => matches!(role, Some(Role::Viewer | Role::Admin)),
        Access::Admin => role == Some(Role::Admin),
    }
}

#[tokio::test]
async fn every_route_admits_exactly_the_roles_of_the_table() {
    let control = TestControl::start().await;
    let callers = [
        (None, None, "missing_api_key"),
        (Some("sk-router-unknown-0123456789"), None, "invalid_api_key"),
        (Some("odd"), None, "invalid_api_key"),
        (Some(USER), Some(Role::User), "admin_required"),
        (Some(VIEWER), Some(Role::Viewer), "admin_required"),
        (Some(ADMIN), Some(Role::Admin), ""),
    ];
    let mut seen = 0;
    for route in table() {
        let path = route.path.replace("{id}", "nothing").replace("{number}", "0").replace("{name}", "nothing");
        for (key, role, code) in callers {
            // A body that nobody accepts, so that permitted writes change nothing.
            let answer = control.call(route.verb.as_str(), &path, key, &[], Some(&json!({ "no such field": 1 }))).await;
            let shown = format!("{} {path} {role:?}: {answer:?}", route.verb.as_str());
            if permitted(route.access, role) {
                assert!(!matches!(answer.status, 401 | 403) && answer.status < 500, "{shown}");
            } else {
                assert_eq!(answer.status, if role.is_none() { 401 } else { 403 }, "{shown}");
                assert_eq!(answer.code(), code, "{shown}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 6 * 20, "the table has shrunk to {seen}");
}

#[test]
fn writes_are_for_admins_but_explaining_is_none() {
    for route in table().filter(|route| route.verb != Verb::Get) {
        let explains = ["/admin/v1/routing/explain", "/admin/v1/requests/{id}/whatif"].contains(&route.path);
        assert_eq!(route.access == Access::Admin, !explains, "{route:?}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_told_apart() {
    let control = TestControl::start().await;
    for (method, path, status, code) in [
        ("PUT", "/admin/v1/keys", 405, "method_not_allowed"),
        ("DELETE", "/admin/v1/requests", 405, "method_not_allowed"),
        ("GET", "/admin/v1/nothing", 404, "not_found"),
        ("GET", "/admin/v1/keys/nothing/more", 404, "not_found"),
        ("GET", "/admin", 404, "not_found"),
    ] {
        let answer = control.call(method, path, Some(ADMIN), &[], None).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
        assert_eq!(answer.header("allow").is_empty(), status == 404, "{method} {path}");
    }
    let head = control.call("HEAD", "/admin/v1/keys", Some(ADMIN), &[], None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn unknown_parameters_are_refused_with_the_allowed_ones() {
    let control = TestControl::start().await;
    for (path, allowed) in [
        ("/admin/v1/keys?hash=1", "role"),
        ("/admin/v1/keys?sort=hash", "created_at"),
        ("/admin/v1/keys?role=root", "viewer"),
        ("/admin/v1/requests?cost=1", "channel"),
        ("/admin/v1/requests?sort=cost_usd", "-created_at"),
        ("/admin/v1/requests?status=fine", "client_closed"),
        ("/admin/v1/requests?from=yesterday", "date"),
        ("/admin/v1/requests?limit=0", "200"),
        ("/admin/v1/requests?limit=201", "200"),
        ("/admin/v1/channels?enabled=yes", "true, false"),
        ("/admin/v1/model-groups?x=1", "strategy"),
        ("/admin/v1/config/versions?cursor=x", "next_cursor"),
        ("/admin/v1/keys/x?limit=1", "none"),
        ("/admin/v1/keys?q=a&q=b", "twice"),
        ("/admin/v1/keys?q=%00", "control"),
        ("/admin/v1/requests?cursor=nonsense", "cursor"),
    ] {
        let answer = control.get(path, ADMIN).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_value"), "{path}");
        assert!(answer.text.contains(allowed), "{path}: {}", answer.text);
    }
}
