//! What files and environment declare, written into the database, so that rows and people find it there.

use router_core::catalog::CAPABILITIES;
use router_core::catalog::spec::{ChannelModelSpec, ClientKeySpec, GroupSpec, KeyLimits, Role};
use router_core::money::Nano;
use router_core::pricing::Price;
use router_store::{
    ClientKey, ClientKeySpec as StoredKeySpec, FileCatalog, FileChannel, FileChannelModel, FileClientKey, FileGroup,
    FileGroupMember, FileProvider, FileProviderKey, Role as StoredRole, SecretString, Store, StoreResult, Vault,
};
use serde_json::{Value, json};

use crate::config::{Channel, Loaded};

/// Writes the declared objects and the configuration's version. Gives the version's number.
///
/// # Errors
/// As the store says.
pub async fn provision(store: &Store, vault: &Vault, loaded: &Loaded, now_ms: i64) -> StoreResult<u64> {
    let source = source_of(loaded);
    let number = store.keep_config(&loaded.canonical, &source, now_ms).await?;
    store.provision(&declared(loaded, &source), vault, now_ms).await?;
    if loaded.has_real_channel() {
        store.set_meta(REAL_CHANNEL_SEEN, "true", now_ms).await?;
    }
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Meta entry: a real channel has existed once, so groups never fall back to simulated ones.
pub const REAL_CHANNEL_SEEN: &str = "real_channel_seen";

fn source_of(loaded: &Loaded) -> String {
    match loaded.files.first().and_then(|file| file.parent()) {
        Some(folder) => folder.display().to_string(),
        None => "environment".to_owned(),
    }
}

fn declared(loaded: &Loaded, source: &str) -> FileCatalog {
    let used: std::collections::BTreeSet<&str> =
        loaded.channels.iter().map(|channel| &*channel.spec.provider).collect();
    let providers = loaded.providers.values().filter(|provider| used.contains(&*provider.name));
    FileCatalog {
        providers: providers
            .map(|provider| FileProvider {
                name: provider.name.to_string(),
                kind: provider.kind.to_string(),
                base_url: provider.base_url.clone(),
                spec: json!({ "dialect": provider.dialect }),
                source: source.to_owned(),
            })
            .collect(),
        channels: loaded.channels.iter().map(|channel| self::channel(channel, source)).collect(),
        groups: loaded.groups.iter().map(|group| self::group(group, source)).collect(),
        client_keys: loaded.keys.iter().filter(|key| key.enabled).map(|key| file_key(key, source)).collect(),
        pricing_policies: Vec::new(),
    }
}

fn channel(channel: &Channel, source: &str) -> FileChannel {
    let spec = &channel.spec;
    let limits = &spec.limits;
    let keys = spec.keys.iter().zip(&channel.secrets).map(|(key, (id, secret))| FileProviderKey {
        name: id.rsplit('/').next().unwrap_or(id).to_owned(),
        value: SecretString::new(secret.expose().to_owned()),
        weight: key.weight,
        daily_budget_nano: key.daily_budget.map(|nano| nano.0),
    });
    FileChannel {
        name: spec.name.to_string(),
        provider: spec.provider.to_string(),
        base_url: Some(spec.base_url.to_string()),
        region: spec.region.as_ref().map(ToString::to_string),
        tags: spec.tags.iter().map(ToString::to_string).collect(),
        priority: i64::from(spec.priority),
        weight: spec.weight,
        limits: json!({
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "requests_per_day": limits.requests_per_day,
            "max_in_flight": limits.max_in_flight,
            "daily_budget": limits.daily_budget.map(|nano| nano.to_string()),
        }),
        spec: Value::Null,
        enabled: spec.enabled,
        source: if channel.from_file { source.to_owned() } else { "environment".to_owned() },
        models: spec.models.iter().map(model).collect(),
        keys: keys.collect(),
    }
}

fn model(spec: &ChannelModelSpec) -> FileChannelModel {
    let capabilities = CAPABILITIES.iter().filter(|(capability, _)| spec.capabilities.has(*capability));
    FileChannelModel {
        name: spec.name.to_string(),
        upstream_name: spec.upstream_name.to_string(),
        aliases: spec.aliases.iter().map(ToString::to_string).collect(),
        price: spec.price.as_ref().map(price),
        context_length: spec.context_length.and_then(|tokens| i64::try_from(tokens).ok()),
        max_output_tokens: spec.max_output_tokens.and_then(|tokens| i64::try_from(tokens).ok()),
        capabilities: capabilities.map(|(_, name)| (*name).to_owned()).collect(),
        tags: spec.tags.iter().map(ToString::to_string).collect(),
        scores: json!(
            spec.scores
                .iter()
                .map(|(name, score)| (name.to_string(), *score))
                .collect::<std::collections::BTreeMap<_, _>>()
        ),
    }
}

/// USD per million tokens, as exact decimals.
fn price(price: &Price) -> Value {
    let rate = |rate: router_core::pricing::Rate| Nano(rate.0).to_string();
    json!({
        "input": rate(price.input),
        "output": rate(price.output),
        "cached_input": price.cached_input.map(rate),
        "cache_write": price.cache_write.map(rate),
        "cache_write_1h": price.cache_write_1h.map(rate),
        "reasoning": price.reasoning.map(rate),
        "per_request": price.per_request.to_string(),
    })
}

fn group(spec: &GroupSpec, source: &str) -> FileGroup {
    let members = spec.members.iter().map(|member| FileGroupMember {
        channel: member.channel.clone(),
        provider: member.provider.clone(),
        model: member.model.clone(),
        priority: member.priority.map(i64::from),
        weight: member.weight,
        daily_limit: member.daily_limit.and_then(|limit| i64::try_from(limit).ok()),
        overrides: json!(member.score_overrides),
        enabled: member.enabled,
    });
    FileGroup {
        name: spec.name.to_string(),
        display_name: Some(spec.display_name.clone()).filter(|text| !text.is_empty()),
        description: Some(spec.description.clone()).filter(|text| !text.is_empty()),
        strategy: spec.strategy.clone(),
        spec: json!({ "fallback": spec.fallback.iter().map(ToString::to_string).collect::<Vec<_>>() }),
        daily_budget_nano: spec.daily_budget.map(|nano| nano.0),
        monthly_budget_nano: None,
        source: if spec.built_in { "built in".to_owned() } else { source.to_owned() },
        members: members.collect(),
    }
}

fn file_key(key: &ClientKeySpec, source: &str) -> FileClientKey {
    let count = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
    FileClientKey {
        spec: StoredKeySpec {
            name: key.name.to_string(),
            role: match key.role {
                Role::User => StoredRole::User,
                Role::Viewer => StoredRole::Viewer,
                Role::Admin => StoredRole::Admin,
            },
            groups: key.allowed.clone(),
            daily_budget_nano: key.daily_budget.map(|nano| nano.0),
            monthly_budget_nano: key.monthly_budget.map(|nano| nano.0),
            requests_per_minute: count(key.limits.requests_per_minute),
            tokens_per_minute: count(key.limits.tokens_per_minute),
            max_in_flight: count(key.limits.max_in_flight),
            ip_allow: key.ip_allow.clone(),
            expires_at: count(key.expires_at_ms),
        },
        hash: key.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        source: source.to_owned(),
    }
}

/// A key of the database for the snapshot; `None` for a row whose digest is not one.
#[must_use]
pub fn client_key(key: &ClientKey) -> Option<ClientKeySpec> {
    let nano = |amount: Option<i64>| amount.map(Nano);
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let spec = &key.spec;
    Some(ClientKeySpec {
        id: key.id.as_str().into(),
        name: spec.name.as_str().into(),
        hash: digest(&key.hash)?,
        role: match spec.role {
            StoredRole::User => Role::User,
            StoredRole::Viewer => Role::Viewer,
            StoredRole::Admin => Role::Admin,
        },
        allowed: spec.groups.clone(),
        daily_budget: nano(spec.daily_budget_nano),
        monthly_budget: nano(spec.monthly_budget_nano),
        limits: KeyLimits {
            requests_per_minute: count(spec.requests_per_minute),
            tokens_per_minute: count(spec.tokens_per_minute),
            max_in_flight: count(spec.max_in_flight),
        },
        ip_allow: spec.ip_allow.clone(),
        expires_at_ms: count(spec.expires_at),
        enabled: key.revoked_at.is_none(),
    })
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high * 16 + low).collect();
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digests_are_read_from_hex() {
        assert_eq!(digest(&"ab".repeat(32)), Some([0xab; 32]));
        for wrong in ["", "ab", &"ab".repeat(33), &"zz".repeat(32), &"a".repeat(65)] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
    }
}
