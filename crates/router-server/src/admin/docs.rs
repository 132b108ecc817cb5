//! `/openapi.json`, and `/docs`: the same document as one static page. No script, nothing from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::call::{self, Call};
use super::openapi;
use super::problem::Problem;
use super::route::{Access, Answers, Route, Verb};

/// Routes of the documentation.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/openapi.json",
        access: Access::Public,
        summary: "This document",
        query: &[],
        body: None,
        answers: Answers::Object,
        handler: |_| Box::pin(async { Ok(call::json(&openapi::document())) }),
    },
    Route {
        verb: Verb::Get,
        path: "/docs",
        access: Access::Public,
        summary: "This document as a page",
        query: &[],
        body: None,
        answers: Answers::Html,
        handler: |call| Box::pin(docs(call)),
    },
];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f4f4;padding:.75rem;overflow:auto}\
section{border-top:1px solid #ddd;padding:.5rem 0}h3{margin:.5rem 0}b{display:inline-block;min-width:4.5rem}\
table{border-collapse:collapse}td,th{border:1px solid #ddd;padding:.2rem .6rem;text-align:left}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#222}section,td,th{border-color:#444}}";

async fn docs(_: Call) -> Result<Response, Problem> {
    static PAGE: LazyLock<String> = LazyLock::new(|| html(&openapi::document()));
    let mut response = Response::new(Body::from(PAGE.as_str()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// The document as a page.
fn html(document: &Value) -> String {
    let text = |value: &Value, name: &str| escape(value.get(name).and_then(Value::as_str).unwrap_or_default());
    let none = Value::Null;
    let info = document.get("info").unwrap_or(&none);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title} {version}</h1><p>{description}</p>\
         <p>The same as data: <a href=\"/openapi.json\">/openapi.json</a></p>",
        title = text(info, "title"),
        version = text(info, "version"),
        description = text(info, "description"),
    );
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for (path, verbs) in paths {
        for (verb, operation) in verbs.as_object().into_iter().flatten() {
            let _ = write!(
                page,
                "<section><h3><b>{}</b> <code>{}</code></h3><p>{} {}</p>",
                escape(&verb.to_uppercase()),
                escape(path),
                text(operation, "summary"),
                text(operation, "description"),
            );
            let params: Vec<&Value> =
                operation.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
            if !params.is_empty() {
                page.push_str("<table><tr><th>parameter</th><th>in</th><th>meaning</th></tr>");
                for param in params {
                    let _ = write!(
                        page,
                        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                        text(param, "name"),
                        text(param, "in"),
                        text(param, "description")
                    );
                }
                page.push_str("</table>");
            }
            page.push_str("</section>");
        }
    }
    page.push_str("<h2>Schemas</h2>");
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten();
    for (name, schema) in schemas {
        let pretty = serde_json::to_string_pretty(schema).unwrap_or_default();
        let _ = write!(page, "<section><h3>{}</h3><pre>{}</pre></section>", escape(name), escape(&pretty));
    }
    page.push_str("</body></html>");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
