//! What the values of settings have to mean, beside their types. References between objects are checked
//! where the objects are built.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cron::Schedule;
use super::decode::Faults;
use super::node::{Node, Path};
use super::objects::{PolicyEntry, PricingPolicies};
use super::pricing;
use super::providers::Scope;
use super::suggest::allowed_words;
use super::system::System;

/// Settings of the program.
pub(super) fn system(system: &System, tree: &Node, faults: &mut Faults) {
    let mut scope = Scope { path: Path::default(), tree, faults };
    server(system, &mut scope);
    logs_and_limits(system, &mut scope);
    reliability(system, &mut scope);
    jobs(system, &mut scope);
    endpoints(system, &mut scope);
}

fn at(section: &str, field: &str) -> Path {
    Path::root(section).key(field)
}

fn server(system: &System, scope: &mut Scope<'_>) {
    let host = system.server.host.as_str();
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
        scope.fault(&at("server", "host"), "not an address or host name, for example 127.0.0.1 or 0.0.0.0");
    } else if !system.auth.required && !is_loopback(host) {
        let message = format!(
            "false is allowed only on a loopback address, but server.host is `{host}`; use 127.0.0.1 or require keys"
        );
        scope.fault(&at("auth", "required"), message);
    }
    let prefix = &system.auth.key_prefix;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if prefix.len() > 32 || !prefix.chars().all(legal) {
        scope.fault(&at("auth", "key_prefix"), "allowed: up to 32 of A-Z a-z 0-9 - _ .");
    }
    at_least_one(system.server.max_connections, &at("server", "max_connections"), scope);
    for (index, origin) in system.server.cors_origins.iter().enumerate() {
        if origin != "*" && split_url(origin).is_none_or(|url| !url.path.is_empty()) {
            let path = at("server", "cors_origins").index(index);
            scope.fault(&path, format!("`{origin}` is not an origin such as https://app.example.com"));
        }
    }
}

fn at_least_one(value: u32, path: &Path, scope: &mut Scope<'_>) {
    if value == 0 {
        scope.fault(path, "allowed: at least 1");
    }
}

fn logs_and_limits(system: &System, scope: &mut Scope<'_>) {
    at_least_one(system.logging.keep, &at("logging", "keep"), scope);
    at_least_one(system.limits.max_in_flight, &at("limits", "max_in_flight"), scope);
    at_least_one(system.database.max_connections, &at("database", "max_connections"), scope);
    let url = system.database.url.expose();
    let schemes = ["sqlite:", "postgres://", "postgresql://"];
    if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
        scope.fault(&at("database", "url"), "allowed: sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE");
    }
    if let Some(redis) = &system.redis.url
        && !["redis://", "rediss://"].iter().any(|scheme| redis.expose().starts_with(scheme))
    {
        scope.fault(&at("redis", "url"), "allowed: redis://HOST:PORT or rediss://HOST:PORT");
    }
}

fn reliability(system: &System, scope: &mut Scope<'_>) {
    let (failover, breaker) = (&system.failover, &system.breaker);
    if !(1..=20).contains(&failover.max_attempts) {
        scope.fault(&at("failover", "max_attempts"), "allowed: from 1 to 20");
    }
    at_least_one(breaker.failure_threshold, &at("breaker", "failure_threshold"), scope);
    at_least_one(breaker.min_requests, &at("breaker", "min_requests"), scope);
    at_least_one(breaker.half_open_probes, &at("breaker", "half_open_probes"), scope);
    at_least_one(breaker.success_threshold, &at("breaker", "success_threshold"), scope);
    if breaker.error_rate.0 == 0.0 {
        scope.fault(&at("breaker", "error_rate"), "0 would never close it; allowed: more than 0, at most 1");
    }
    if system.cooldown.rate_limited > system.cooldown.max || system.cooldown.temporary > system.cooldown.max {
        scope.fault(&at("cooldown", "max"), "shorter than rate_limited or temporary, which it bounds");
    }
    if system.timeouts.first_byte > system.timeouts.total {
        scope.fault(&at("timeouts", "first_byte"), "longer than timeouts.total, which bounds it");
    }
    if !(1..=10_000_000).contains(&system.budgets.default_max_output_tokens) {
        scope.fault(&at("budgets", "default_max_output_tokens"), "allowed: from 1 to 10000000");
    }
    if let (Some(daily), Some(monthly)) = (system.budgets.daily, system.budgets.monthly)
        && daily > monthly
    {
        scope.fault(&at("budgets", "daily"), "larger than budgets.monthly, which bounds it");
    }
    for (currency, rate) in &system.catalog.exchange_rates {
        let path = at("catalog", "exchange_rates").key(currency);
        if rate.billionths() == 0 {
            scope.fault(&path, "0 is no rate; allowed: units of the currency for one USD, such as 7.2");
        }
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            scope.fault(&path, "not a currency; allowed: three capital letters such as CNY");
        }
    }
}

fn jobs(system: &System, scope: &mut Scope<'_>) {
    let jobs = &system.jobs;
    for (name, cron) in [
        ("model_discovery", &jobs.model_discovery.cron),
        ("pricing_update", &jobs.pricing_update.cron),
        ("health_check", &jobs.health_check.cron),
        ("quota_reset", &jobs.quota_reset.cron),
        ("performance_analysis", &jobs.performance_analysis.cron),
        ("data_cleanup", &jobs.data_cleanup.cron),
    ] {
        if Schedule::parse(cron).is_none() {
            let message =
                format!("`{cron}` is not a schedule; allowed: minute hour day month weekday, for example 0 */2 * * *");
            scope.fault(&at("jobs", name).key("cron"), message);
        }
    }
}

fn endpoints(system: &System, scope: &mut Scope<'_>) {
    for (index, allowed) in system.egress.allow.iter().enumerate() {
        let network = allowed.parse::<ipnet::IpNet>().is_ok() || allowed.parse::<IpAddr>().is_ok();
        if !network && split_url(allowed).is_none() {
            let path = at("egress", "allow").index(index);
            scope.fault(
                &path,
                format!("`{allowed}` is neither an origin (http://10.0.0.7:8001) nor a network (10.0.0.0/8)"),
            );
        }
    }
    if let Some(proxy) = &system.egress.proxy
        && !is_proxy(proxy.expose())
    {
        let message = "not the address of an HTTP proxy; allowed: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT";
        scope.fault(&at("egress", "proxy"), message);
    }
    for (index, hook) in system.alerts.webhooks.iter().enumerate() {
        if let Err(message) = origin(&hook.url, system.egress.allow_insecure_http) {
            scope.fault(&at("alerts", "webhooks").index(index).key("url"), message);
        }
    }
    if let Some(url) = &system.telemetry.otlp_endpoint
        && split_url(url).is_none()
    {
        scope.fault(
            &at("telemetry", "otlp_endpoint"),
            format!("`{url}` is not an address such as http://collector:4318"),
        );
    }
}

/// Whether only this machine can reach the address.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The parts of a URL that matter here.
struct Url<'a> {
    scheme: &'a str,
    host: &'a str,
    /// Without the leading slash.
    path: &'a str,
}

/// `http(s)://host[:port][/path]` without user, query and fragment.
fn split_url(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let legal = matches!(scheme, "http" | "https") && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !legal || authority.contains('@') || text.contains(['?', '#']) {
        return None;
    }
    let parsed: http::uri::Authority = authority.parse().ok()?;
    let port_given = authority.rsplit_once(']').map_or(authority, |(_, tail)| tail).contains(':');
    if parsed.host().is_empty() || (port_given && parsed.port_u16().is_none()) {
        return None;
    }
    let host = authority.get(..parsed.host().len())?;
    Some(Url { scheme, host, path })
}

/// Whether that is the address of a proxy: plain HTTP to it, and no path. User and password are sent as they stand.
fn is_proxy(text: &str) -> bool {
    let bare = text.strip_prefix("http://").map(|rest| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    let whole = bare.map(|bare| format!("http://{bare}")).unwrap_or_default();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    printable && split_url(&whole).is_some_and(|url| url.path.is_empty())
}

/// Judges the root of a provider's API.
///
/// # Errors
/// A sentence, if it is not a URL, or goes unencrypted through the public net.
pub(super) fn origin(url: &str, allow_insecure_http: bool) -> Result<(), String> {
    let Some(parts) = split_url(url) else {
        return Err(
            "not an address; allowed: https://HOST[:PORT][/PATH] without user, query and fragment (keys belong into api_keys)"
                .to_owned(),
        );
    };
    if parts.scheme == "http" && !allow_insecure_http && !is_private(parts.host) {
        return Err(format!(
            "http:// would send keys unencrypted to the public host `{}`; use https://, or set egress.allow_insecure_http",
            parts.host
        ));
    }
    Ok(())
}

/// Whether a host lies in a private network, as far as its name tells: private addresses, names without a
/// dot (containers, the machine itself) and the endings that never resolve in public.
fn is_private(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            let carrier_nat = matches!(v4.octets(), [100, 64..=127, ..]);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || carrier_nat
        }
        Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        Err(_) => {
            let endings =
                [".local", ".internal", ".lan", ".home.arpa", ".localhost", ".svc", ".cluster.local", ".test"];
            !bare.contains('.') || endings.iter().any(|ending| bare.ends_with(ending))
        }
    }
}

/// Pricing policies.
pub(super) fn policies(policies: &PricingPolicies, tree: &Node, known: &BTreeSet<&str>, faults: &mut Faults) {
    let root = Path::root("pricing_policies");
    let mut scope = Scope { path: root.clone(), tree, faults };
    if policies.limits.min > policies.limits.max {
        scope.fault(&root.key("limits").key("min"), "larger than limits.max");
    }
    for (index, kind) in policies.order.iter().enumerate() {
        if policies.order.iter().take(index).any(|earlier| earlier == kind) {
            scope.fault(&root.key("order").index(index), format!("`{}` stands in the order already", kind.as_str()));
        }
    }
    for (kind, entries) in pricing::by_kind(policies) {
        let path = root.key(kind.as_str());
        if !entries.is_empty() && !policies.order.contains(&kind) {
            scope.fault(&path, format!("unreachable: `{}` does not stand in pricing_policies.order", kind.as_str()));
        }
        let mut names = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let at = path.index(index);
            if !names.insert(&entry.name) {
                scope.fault(&at.key("name"), format!("`{}` is the name of another policy of this kind", entry.name));
            }
            policy(entry, &at, known, &mut scope);
        }
    }
}

fn policy(entry: &PolicyEntry, at: &Path, known: &BTreeSet<&str>, scope: &mut Scope<'_>) {
    if entry.multiplier.billionths() > 100_000_000_000 {
        scope.fault(&at.key("multiplier"), "allowed: from 0 to 100");
    }
    for (index, words) in entry.weekdays.iter().enumerate() {
        if pricing::weekdays(words).is_none() {
            let path = at.key("weekdays").index(index);
            scope.fault(&path, format!("`{words}` is not a weekday; allowed: mon … sun, and ranges such as mon-fri"));
        }
    }
    for (index, provider) in entry.providers.iter().enumerate() {
        if !provider.contains(['*', '?']) && !known.contains(provider.as_str()) {
            let all: Vec<&str> = known.iter().copied().collect();
            let message = format!("`{provider}` is not a provider; {}", allowed_words(provider, &all));
            scope.fault(&at.key("providers").index(index), message);
        }
    }
    if let (Some(above), Some(below)) = (entry.above, entry.below)
        && above > below
    {
        scope.fault(&at.key("above"), "unreachable: larger than below");
    }
    if let (Some(from), Some(until)) = (entry.from, entry.until)
        && from >= until
    {
        scope.fault(&at.key("until"), "unreachable: not after from");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, insecure, good) in [
            ("https://api.openai.com/v1", false, true),
            ("http://api.openai.com/v1", false, false),
            ("http://api.openai.com/v1", true, true),
            ("http://127.0.0.1:9/v1", false, true),
            ("http://[::1]:9", false, true),
            ("http://10.0.0.7:8001/v1", false, true),
            ("http://172.32.0.1", false, false),
            ("http://ollama:11434/v1", false, true),
            ("http://8.8.8.8", false, false),
            ("https://user:pass@host", false, false),
            ("https://host?key=1", false, false),
            ("ftp://host", false, false),
            ("api.openai.com", false, false),
            ("https://", false, false),
            ("https://host:99999", false, false),
        ] {
            assert_eq!(origin(url, insecure).is_ok(), good, "{url} {insecure}");
        }
    }
}
