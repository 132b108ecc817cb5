//! The route table of the client API and the public pages. One table gives each route its policy; the rest belongs to
//! the admin router.

use http::Method;
use router_wire::dialects::{self, Dialect};

use crate::relay::Stored;

/// A call to a model: whose dialect, what work.
#[derive(Clone, Debug)]
pub struct Call {
    /// The client's dialect.
    pub dialect: &'static Dialect,
    /// What the path says.
    pub route: dialects::Route,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.dialect.name == other.dialect.name && self.route == other.route
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Route<'a> {
    /// A call to a model.
    Call(Call),
    /// `/v1/responses/{id}` and below: an answer that a provider keeps.
    Stored(Stored),
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`; the id may hold `/` and `:`, and is as the client sent it (percent-encoded or not).
    Model(&'a str),
    /// `GET /v1beta/models`: the list in Gemini's shape.
    GeminiModels,
    /// `GET /v1beta/models/{id}`
    GeminiModel(&'a str),
    /// `GET /`, `HEAD /`: agents look whether somebody is there.
    Root,
    /// `GET /health`.
    Health,
    /// `GET /health/live`.
    Live,
    /// `GET /health/ready`.
    Ready,
    /// `GET /metrics`.
    Metrics,
    /// `/admin/v1/…` and what else the control plane answers.
    Admin,
    /// The path exists in the client API, with another method.
    MethodNotAllowed,
    /// A base URL that ends in `/v1` twice.
    DoubledBase,
    /// Nothing here.
    NotFound,
}

/// Finds the route of a path. Only the matched route decides what a request may do, never the `Host`.
#[must_use]
pub fn find<'a>(method: &Method, path: &'a str, query: &str) -> Route<'a> {
    let path = match path.len() {
        0 | 1 => "/",
        _ => path.trim_end_matches('/'),
    };
    if path == "/admin" || path.starts_with("/admin/") || matches!(path, "/openapi.json" | "/docs") {
        return Route::Admin;
    }
    let get = matches!(*method, Method::GET | Method::HEAD);
    let on_get = |route| if get { route } else { Route::MethodNotAllowed };
    match path {
        "/" | "" => return on_get(Route::Root),
        "/health" => return on_get(Route::Health),
        "/health/live" => return on_get(Route::Live),
        "/health/ready" => return on_get(Route::Ready),
        "/metrics" => return on_get(Route::Metrics),
        _ => {}
    }
    // People paste base URLs with and without `/v1`, and with a vendor's prefix.
    let path = path.strip_prefix("/openai").unwrap_or(path);
    if path.starts_with("/v1/v1/") {
        return Route::DoubledBase;
    }
    if let Some((dialect, route)) = dialects::by_path(path, query) {
        let call = Route::Call(Call { dialect, route });
        return if *method == Method::POST { call } else { Route::MethodNotAllowed };
    }
    let unversioned = path.strip_prefix("/v1").unwrap_or(path);
    if let Some(call) = unversioned.strip_prefix("/responses/").and_then(Stored::at) {
        return if call.allows(method) { Route::Stored(call) } else { Route::MethodNotAllowed };
    }
    if let Some(path) = path.strip_prefix("/v1beta/models") {
        return match path.strip_prefix('/') {
            None if path.is_empty() => on_get(Route::GeminiModels),
            Some(id) if !id.is_empty() => on_get(Route::GeminiModel(id)),
            _ => Route::NotFound,
        };
    }
    match unversioned.strip_prefix("/models") {
        Some("") => on_get(Route::Models),
        Some(rest) => match rest.strip_prefix('/') {
            Some(id) if !id.is_empty() => on_get(Route::Model(id)),
            _ => Route::NotFound,
        },
        None => Route::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_core::ask::Endpoint;
    use router_wire::dialects::DIALECTS;

    #[test]
    fn paths_find_their_routes() {
        let call = |endpoint| {
            let (dialect, route) = (&DIALECTS[0], dialects::Route::fixed(endpoint));
            Route::Call(Call { dialect, route })
        };
        let chat = || call(Endpoint::ChatCompletions);
        for (method, path, route) in [
            (Method::POST, "/v1/chat/completions", chat()),
            (Method::POST, "/v1/chat/completions/", chat()),
            (Method::POST, "/chat/completions", chat()),
            (Method::POST, "/openai/v1/chat/completions", chat()),
            (Method::GET, "/v1/chat/completions", Route::MethodNotAllowed),
            (Method::POST, "/v1/v1/chat/completions", Route::DoubledBase),
            (Method::POST, "/v1/completions", call(Endpoint::Completions)),
            (Method::POST, "/v1/embeddings", call(Endpoint::Embeddings)),
            (Method::GET, "/v1/models", Route::Models),
            (Method::GET, "/v1/models/auto:fast", Route::Model("auto:fast")),
            (Method::GET, "/v1/models/a/b:c", Route::Model("a/b:c")),
            (Method::DELETE, "/v1/responses/resp_1", Route::Stored(Stored::at("resp_1").unwrap())),
            (Method::POST, "/responses/resp_1/cancel", Route::Stored(Stored::at("resp_1/cancel").unwrap())),
            (Method::POST, "/v1/responses/resp_1", Route::MethodNotAllowed),
            (Method::GET, "/v1/responses/input_tokens", Route::MethodNotAllowed),
            (Method::GET, "/v1/responses/resp_1/nothing", Route::NotFound),
            (Method::POST, "/v1/models", Route::MethodNotAllowed),
            (Method::GET, "/v1beta/models", Route::GeminiModels),
            (Method::GET, "/v1beta/models/auto:fast", Route::GeminiModel("auto:fast")),
            (Method::HEAD, "/", Route::Root),
            (Method::GET, "", Route::Root),
            (Method::GET, "/health", Route::Health),
            (Method::GET, "/health/live", Route::Live),
            (Method::GET, "/health/ready", Route::Ready),
            (Method::GET, "/metrics", Route::Metrics),
            (Method::POST, "/metrics", Route::MethodNotAllowed),
            (Method::GET, "/admin/v1/keys", Route::Admin),
            (Method::GET, "/administrator", Route::NotFound),
            (Method::POST, "/v1/nothing", Route::NotFound),
        ] {
            assert_eq!(find(&method, path, ""), route, "{method} {path}");
        }
    }
}
