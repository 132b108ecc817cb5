//! An installation: a router that was started as `serve` starts it, without sockets, and calls to its control plane.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use router_store::{ClientKeySpec, DataDir, RequestRecord, Role, SecretString};
use serde_json::Value;
use smart_ai_router::admin::{self, Control};
use smart_ai_router::app::App;
use smart_ai_router::config::{DemoBase, Source};
use smart_ai_router::http::service::Peer;
use smart_ai_router::jobs::Jobs;
use smart_ai_router::relay::Worker;
use smart_ai_router::reload::Reloader;
use smart_ai_router::startup::{self, Origins};
use smart_ai_router::tasks::Tasks;
use smart_ai_router::telemetry::metrics::Metrics;
use smart_ai_router::upstream::{Upstream, client_config};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

pub(crate) const ADMIN: &str = "sk-router-admin-0123456789";
pub(crate) const VIEWER: &str = "sk-router-viewer-0123456789";
pub(crate) const USER: &str = "sk-router-user-0123456789";
pub(crate) const OTHER: &str = "sk-router-other-0123456789";
/// In the files.
pub(crate) const DECLARED: &str = "sk-router-declared-0123456789";
pub(crate) const PROVIDER_SECRET: &str = "sk-provider-secret-abcd";

const CONFIG: &str = r#"
channels:
  - name: main
    provider: openai
    api_keys: ["${PROVIDER_KEY}"]
    models: [gpt-4o-mini, gpt-4o]
  - name: spare
    provider: openai
    api_keys: ["${PROVIDER_KEY}"]
    priority: 2
    models: [gpt-4o-mini]
keys:
  - { name: declared, value: "${DECLARED_KEY}", groups: ["gpt-4o-mini"] }
"#;

/// A router under test.
pub(crate) struct TestControl {
    pub(crate) app: Arc<App>,
    pub(crate) jobs: Jobs,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: PathBuf,
    writer: router_store::WriterHandle,
    router: axum::Router,
    _tasks: Tasks,
    _data_dir: router_store::DataDir,
}

/// An answer of the control plane.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code of a problem; the answer has to be one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], u64::from(self.status), "{self:?}");
        assert_eq!(problem["code"], self.header("x-router-error"), "{self:?}");
        problem["code"].as_str().expect("a code").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn data(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].as_array().expect("a list").clone()
    }
}

/// The environment of the installation.
pub(crate) fn env() -> BTreeMap<String, String> {
    let pairs = [("SMART_AI_ROUTER_ADMIN_KEY", ADMIN), ("PROVIDER_KEY", PROVIDER_SECRET), ("DECLARED_KEY", DECLARED)];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl TestControl {
    /// Starts a router with keys of every role.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, CONFIG).expect("writable");
        let origins = Origins {
            source: Source::Path(config.clone()),
            env: env(),
            data_dir: folder.path().join("data"),
            demo: Some(DemoBase { base_url: "http://127.0.0.1:9".to_owned() }),
            settings: Vec::new(),
        };
        let metrics = Metrics::new();
        let tasks = Tasks::new(tokio::runtime::Handle::current(), metrics.panics.clone());
        let data_dir = DataDir::open(&origins.data_dir).expect("a folder");
        let prepared = startup::prepare(origins, data_dir, &tasks, metrics).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}"));
        let app = prepared.app;
        let reloader = Reloader::new(Arc::clone(&app), prepared.origins, prepared.instance, prepared.loaded);
        for (name, role, secret) in
            [("viewer", Role::Viewer, VIEWER), ("user", Role::User, USER), ("other", Role::User, OTHER)]
        {
            let spec = ClientKeySpec { name: name.to_owned(), role, ..ClientKeySpec::default() };
            app.store.create_client_key(&spec, &SecretString::from(secret), 1).await.expect("a key");
        }
        reloader.refresh_keys().await.expect("keys");
        let (tls, retries) = (client_config().expect("TLS"), Arc::clone(&app.retries));
        let upstream = Upstream::new(tls, Arc::clone(&app.egress), Duration::from_secs(5), retries);
        let worker = Worker::new(Arc::clone(&app), upstream.clone(), TaskTracker::new());
        let jobs = Jobs::new(worker, tasks.clone());
        let router = admin::router(Control::new(Arc::clone(&app), &reloader, upstream, jobs.clone()));
        Self { app, jobs, folder, config, writer: prepared.writer, router, _tasks: tasks, _data_dir: prepared.data_dir }
    }

    /// Calls with the given key and headers.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(Peer(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.call("GET", path, Some(key), &[], None).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call(method, path, Some(ADMIN), &[], Some(body)).await
    }

    /// The id of a key by name.
    pub(crate) async fn key_id(&self, name: &str) -> String {
        self.app.store.client_key(name).await.expect("the store").expect("the key").id
    }

    /// Keeps a request in the log.
    pub(crate) async fn keep(&self, record: RequestRecord) {
        self.app.spool.settle(&record).expect("room");
        self.writer.flush(Duration::from_secs(30)).await.expect("written");
    }
}

pub(crate) const OK: u16 = StatusCode::OK.as_u16();
