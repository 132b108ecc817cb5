//! `key create | list | revoke`: client keys, straight in the database. A running router takes changes over within two
//! seconds.

use std::collections::BTreeMap;
use std::io::Write;

use router_core::money::Nano;
use router_store::{ClientKey, ClientKeySpec, NewClientKey, Role, Store};
use serde_json::{Value, json};

use super::args::{KeyCommand, KeyCreateArgs, RoleArg};
use super::install::{Install, block_on};
use super::text_table::table;
use super::{Exit, Failed};
use crate::admin::{is_key_name, key_row, moment_ms};
use crate::clock::unix_ms;

const MINUTE_MS: i64 = 60_000;
/// Spans that `--expires` understands, in minutes.
const SPANS: [(&str, i64); 4] = [("w", 7 * 24 * 60), ("d", 24 * 60), ("h", 60), ("m", 1)];

/// Runs the command.
///
/// # Errors
/// What is wrong with the arguments (exit code 2), or why it cannot be done.
pub fn run(
    command: &KeyCommand,
    env: &BTreeMap<String, String>,
    out: &mut dyn Write,
    _err: &mut dyn Write,
) -> Result<Exit, Failed> {
    let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
    let (args, spec) = match command {
        KeyCommand::Create(args) => (&args.install, Some(spec(args, now_ms)?)),
        KeyCommand::List(args) => (&args.install, None),
        KeyCommand::Revoke(args) => (&args.install, None),
    };
    let install = Install::new(args, env);
    let loaded = install.load(false, false)?;
    block_on(async {
        let store = install.open_current(&loaded).await?;
        let done = match (command, spec) {
            (KeyCommand::Create(args), Some(spec)) => {
                create(&store, &spec, &loaded.system.auth.key_prefix, args.json, now_ms, out).await
            }
            (KeyCommand::Revoke(args), _) => revoke(&store, &args.key, now_ms, out).await,
            (KeyCommand::List(args), _) => list(&store, args.json, now_ms, out).await,
            (KeyCommand::Create(_), None) => Ok(()),
        };
        store.close().await;
        done.map(|()| Exit::Ok)
    })
}

async fn create(
    store: &Store,
    spec: &ClientKeySpec,
    prefix: &str,
    as_json: bool,
    now_ms: i64,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let made = NewClientKey::generate(prefix)?;
    let key = store.create_client_key(spec, &made.secret, now_ms).await?;
    if as_json {
        let mut row = key_row(&key, now_ms);
        if let Some(map) = row.as_object_mut() {
            map.insert("key".to_owned(), made.secret.expose().into());
        }
        return Ok(writeln!(out, "{row:#}")?);
    }
    writeln!(out, "key: {}", made.secret.expose())?;
    writeln!(out, "It is shown only this once. Name {}, role {}, id {}.", spec.name, spec.role.as_str(), key.id)?;
    Ok(())
}

async fn list(store: &Store, as_json: bool, now_ms: i64, out: &mut dyn Write) -> Result<(), Failed> {
    let keys = store.client_keys(true).await?;
    let rows: Vec<Value> = keys.iter().map(|key| key_row(key, now_ms)).collect();
    if as_json {
        return Ok(writeln!(out, "{:#}", json!(rows))?);
    }
    if rows.is_empty() {
        return Ok(writeln!(out, "There are no keys yet.")?);
    }
    let mut lines = vec![
        ["NAME", "ROLE", "STATUS", "KEY", "GROUPS", "DAILY", "MONTHLY", "EXPIRES", "FROM", "ID"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(keys.iter().zip(&rows).map(|(key, row)| line(key, row)));
    write!(out, "{}", table(&lines))?;
    Ok(())
}

fn line(key: &ClientKey, row: &Value) -> Vec<String> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let spec = &key.spec;
    vec![
        spec.name.clone(),
        text("role"),
        text("status"),
        format!("{}…{}", key.prefix, key.last4),
        if spec.groups.is_empty() { "all".to_owned() } else { spec.groups.join(",") },
        text("daily_budget"),
        text("monthly_budget"),
        text("expires_at"),
        key.source.clone().unwrap_or_else(|| text("managed_by")),
        key.id.clone(),
    ]
}

async fn revoke(store: &Store, key: &str, now_ms: i64, out: &mut dyn Write) -> Result<(), Failed> {
    let key = store.revoke_client_key(key, now_ms).await?;
    Ok(writeln!(out, "revoked {} ({})", key.spec.name, key.id)?)
}

/// What the arguments ask for.
fn spec(args: &KeyCreateArgs, now_ms: i64) -> Result<ClientKeySpec, Failed> {
    let usage = |message: String| Failed::new(Exit::Usage, message);
    let name = args.name.trim();
    if !is_key_name(name) {
        return Err(usage("--name must have 1 to 100 characters, none of them a control character".to_owned()));
    }
    let budget = |option: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match text.parse::<Nano>() {
            Ok(amount) if amount >= Nano::ZERO => Ok(Some(amount.0)),
            Ok(_) => Err(usage(format!("{option} must not be negative"))),
            Err(error) => Err(usage(format!("{option}: {error}"))),
        },
    };
    Ok(ClientKeySpec {
        name: name.to_owned(),
        role: match args.role {
            RoleArg::User => Role::User,
            RoleArg::Viewer => Role::Viewer,
            RoleArg::Admin => Role::Admin,
        },
        groups: args.groups.clone(),
        daily_budget_nano: budget("--daily-budget", &args.daily_budget)?,
        monthly_budget_nano: budget("--monthly-budget", &args.monthly_budget)?,
        requests_per_minute: args.rate_limit.as_deref().map(rate_limit).transpose().map_err(usage)?,
        expires_at: args.expires.as_deref().map(|text| expires(text, now_ms)).transpose().map_err(usage)?,
        ..ClientKeySpec::default()
    })
}

/// `60/minute`
fn rate_limit(text: &str) -> Result<i64, String> {
    let (count, unit) = text.split_once('/').unwrap_or((text, "minute"));
    let count = count.trim().parse::<i64>().ok().filter(|count| *count > 0);
    match (count, unit.trim()) {
        (Some(count), "minute" | "min" | "m") => Ok(count),
        _ => Err(format!("--rate-limit `{text}`: it must be a number of requests a minute such as 60/minute")),
    }
}

/// A date, a moment, or a span from now.
fn expires(text: &str, now_ms: i64) -> Result<i64, String> {
    let span = || {
        let (unit, minutes) = SPANS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let count: i64 = text.strip_suffix(unit)?.trim().parse().ok().filter(|count| *count > 0)?;
        now_ms.checked_add(count.checked_mul(*minutes)?.checked_mul(MINUTE_MS)?)
    };
    match moment_ms(text).or_else(span) {
        Some(end) if end > now_ms => Ok(end),
        Some(_) => Err(format!("--expires `{text}` lies in the past")),
        None => Err(format!(
            "--expires `{text}`: it must be a date (2027-01-31), a time (2027-01-31T12:00:00Z), or a span (90d, 12h)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_requests_a_minute() {
        for (text, count) in [("60/minute", Some(60)), ("60/min", Some(60)), ("60 / m", Some(60)), ("7", Some(7))] {
            assert_eq!(rate_limit(text).ok(), count, "{text}");
        }
        for text in ["", "0/minute", "-1/minute", "60/second", "60/", "x/minute", "6.5/minute"] {
            assert!(rate_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ends_are_dates_moments_or_spans() {
        const NOW: i64 = 1_795_000_000_000;
        for (text, end) in [
            ("90d", NOW + 90 * 24 * 60 * MINUTE_MS),
            ("12h", NOW + 12 * 60 * MINUTE_MS),
            ("2w", NOW + 14 * 24 * 60 * MINUTE_MS),
            ("30m", NOW + 30 * MINUTE_MS),
            ("2100-01-01", 4_102_444_800_000),
            ("2100-01-01T00:00:01Z", 4_102_444_801_000),
            ("2100-01-01T02:00:00+02:00", 4_102_444_800_000),
        ] {
            assert_eq!(expires(text, NOW), Ok(end), "{text}");
        }
        for text in ["", "never", "0d", "-1d", "d", "2020-01-01", "2100-13-01", "9223372036854775807d", "1.5h"] {
            assert!(expires(text, NOW).is_err(), "{text}");
        }
    }
}
