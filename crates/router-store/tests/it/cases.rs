//! The conformance suite: every question and every command, the same on both engines.

use router_store::{
    ClientKeySpec, FileCatalog, FileChannel, FileChannelModel, FileClientKey, FileGroup, FileGroupMember,
    FilePricingPolicy, FileProvider, FileProviderKey, JobRun, JobSettings, ManagedBy, MasterKey, NewClientKey,
    RequestFilter, RequestStatus, Role, SecretString, StoreErrorKind, Vault, client_key_digest,
};
use serde_json::json;

use crate::support::{NOW, TestStore, record, stores};

/// Makes each case a test that runs on every engine.
macro_rules! conformance {
    ($($case:ident),+ $(,)?) => {
        mod on_every_engine {
            $(#[tokio::test]
            async fn $case() {
                for test in super::stores().await {
                    super::$case(&test).await;
                }
            })+
        }
    };
}

conformance!(
    client_keys_are_made_listed_and_revoked,
    the_last_admin_key_stays,
    odd_texts_come_back_as_they_went_in,
    a_wrong_master_key_is_told,
    configurations_are_numbered_when_they_change,
    provisioning_keeps_ids_and_disables_what_is_gone,
    provisioned_secrets_are_sealed_and_stay_as_they_are,
    client_keys_from_files_follow_their_value,
    a_failed_provisioning_changes_nothing,
    pages_show_every_request_once,
    a_period_of_the_log_is_read_in_the_order_of_time,
    a_request_is_seen_by_its_key_only,
    attempts_are_counted_by_group_channel_model_and_key,
    what_providers_keep_is_known_again_by_its_owner,
    the_last_runs_of_each_job_are_kept,
    a_failing_database_fails_every_call_and_counts_it,
);

fn spec(name: &str, role: Role) -> ClientKeySpec {
    ClientKeySpec { name: name.into(), role, ..ClientKeySpec::default() }
}

fn secret() -> SecretString {
    NewClientKey::generate("sk-router-").unwrap().secret
}

fn vault() -> Vault {
    Vault::new(&MasterKey::from_bytes([7; 32]))
}

async fn client_keys_are_made_listed_and_revoked(test: &TestStore) {
    let store = &test.store;
    let full = ClientKeySpec {
        name: "ci".into(),
        role: Role::Viewer,
        groups: vec!["auto:*".into(), "gpt-4o*".into()],
        daily_budget_nano: Some(5_000_000_000),
        monthly_budget_nano: None,
        requests_per_minute: Some(60),
        tokens_per_minute: Some(100_000),
        max_in_flight: Some(10),
        ip_allow: vec!["10.0.0.0/8".into()],
        expires_at: Some(NOW + 1),
    };
    let key = NewClientKey::generate("sk-router-").unwrap();
    let made = store.create_client_key(&full, &key.secret, NOW).await.unwrap();
    assert_eq!(
        (made.hash.as_str(), made.prefix.as_str(), made.last4.as_str()),
        (key.digest.as_str(), "sk-router-", &key.secret.expose()[key.secret.expose().len() - 4..])
    );
    assert_eq!(store.client_key("ci").await.unwrap().unwrap(), made);
    assert_eq!(store.client_key(&made.id).await.unwrap().unwrap().spec, full);
    for (name, secret) in [("ci", secret()), ("other", key.secret.clone())] {
        assert_eq!(
            store.create_client_key(&spec(name, Role::User), &secret, NOW).await.unwrap_err().kind(),
            StoreErrorKind::Conflict,
            "{name}"
        );
    }
    let quoted = SecretString::from("sk-router-'; DROP TABLE client_keys");
    assert_eq!(
        store.create_client_key(&spec("bad", Role::User), &quoted, NOW).await.unwrap_err().kind(),
        StoreErrorKind::Invalid
    );
    let revoked = store.revoke_client_key("ci", NOW + 5).await.unwrap();
    assert_eq!((revoked.id.as_str(), revoked.revoked_at), (made.id.as_str(), Some(NOW + 5)));
    assert_eq!(store.revoke_client_key(&made.id, NOW + 9).await.unwrap().revoked_at, Some(NOW + 5));
    assert_eq!(store.revoke_client_key("ci", NOW).await.unwrap_err().kind(), StoreErrorKind::NotFound);
    // The name is free again.
    let again = store.create_client_key(&spec("ci", Role::User), &secret(), NOW + 6).await.unwrap();
    let ids = |keys: Vec<router_store::ClientKey>| keys.into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(store.client_keys(false).await.unwrap()), std::slice::from_ref(&again.id));
    assert_eq!(ids(store.client_keys(true).await.unwrap()), [made.id, again.id]);
}

async fn the_last_admin_key_stays(test: &TestStore) {
    let store = &test.store;
    store.create_client_key(&spec("one", Role::Admin), &secret(), NOW).await.unwrap();
    store
        .create_client_key(&ClientKeySpec { expires_at: Some(NOW), ..spec("expired", Role::Admin) }, &secret(), NOW)
        .await
        .unwrap();
    assert_eq!(store.revoke_client_key("one", NOW).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    store.create_client_key(&spec("two", Role::Admin), &secret(), NOW).await.unwrap();
    store.revoke_client_key("one", NOW).await.unwrap();
    assert_eq!(store.revoke_client_key("two", NOW).await.unwrap_err().kind(), StoreErrorKind::Conflict);
}

async fn odd_texts_come_back_as_they_went_in(test: &TestStore) {
    for text in [
        "",
        "'; DROP TABLE meta; --",
        "%_\\",
        "兔子 \u{1f430}",
        "{\"a\": [1, null]}",
        "line\nbreak\ttab",
        &"x".repeat(100_000),
    ] {
        test.store.set_meta("odd", text, NOW).await.unwrap();
        assert_eq!(test.store.meta("odd").await.unwrap().as_deref(), Some(text));
    }
    // PostgreSQL cannot hold NUL: it is replaced on both, visibly.
    test.store.set_meta("odd", "a\0b", NOW).await.unwrap();
    assert_eq!(test.store.meta("odd").await.unwrap().as_deref(), Some("a\u{fffd}b"));
    assert_eq!(test.store.meta("absent").await.unwrap(), None);
}

async fn a_wrong_master_key_is_told(test: &TestStore) {
    test.store.check_master_key(&vault(), NOW).await.unwrap();
    test.store.check_master_key(&vault(), NOW).await.unwrap();
    let other = Vault::new(&MasterKey::from_bytes([8; 32]));
    assert_eq!(test.store.check_master_key(&other, NOW).await.unwrap_err().kind(), StoreErrorKind::MasterKeyWrong);
}

async fn configurations_are_numbered_when_they_change(test: &TestStore) {
    let store = &test.store;
    for (content, number) in [("a", 1), ("a", 1), ("b", 2), ("a", 3), ("a", 3)] {
        assert_eq!(store.keep_config(content, "config", NOW).await.unwrap(), number, "{content}");
    }
    assert_eq!(store.config(2).await.unwrap().as_deref(), Some("b"));
    assert_eq!(store.config(4).await.unwrap(), None);
    let keepers = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.keep_config(&format!("parallel {n}"), "config", NOW).await.unwrap() })
    });
    let mut numbers = Vec::new();
    for keeper in keepers.collect::<Vec<_>>() {
        numbers.push(keeper.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (4..12).collect::<Vec<_>>());
}

fn catalog() -> FileCatalog {
    let model = |name: &str| FileChannelModel {
        name: name.into(),
        upstream_name: name.into(),
        price: Some(json!({ "input": 2.5 })),
        context_length: Some(128_000),
        ..FileChannelModel::default()
    };
    let key = |name: &str| FileProviderKey {
        name: name.into(),
        value: SecretString::new(format!("sk-live-{name}-0123456789")),
        weight: 1.0,
        daily_budget_nano: None,
    };
    let channel = |name: &str| FileChannel {
        name: name.into(),
        provider: "openai".into(),
        tags: vec!["paid".into()],
        priority: 1,
        weight: 1.0,
        enabled: true,
        source: "channels.yaml".into(),
        models: vec![model("gpt-4o"), model("gpt-4o-mini")],
        keys: vec![key("default"), key("second")],
        ..FileChannel::default()
    };
    FileCatalog {
        providers: vec![FileProvider {
            name: "openai".into(),
            kind: "openai".into(),
            spec: json!({ "currency": "USD" }),
            source: "providers.yaml".into(),
            base_url: None,
        }],
        channels: vec![channel("main"), channel("spare")],
        groups: vec![FileGroup {
            name: "auto:fast".into(),
            strategy: "multi_layer".into(),
            source: "model_groups.yaml".into(),
            members: vec![
                FileGroupMember {
                    channel: Some("main".into()),
                    model: "gpt-4o".into(),
                    enabled: true,
                    ..FileGroupMember::default()
                },
                FileGroupMember {
                    provider: Some("openai".into()),
                    model: "gpt-*".into(),
                    enabled: true,
                    ..FileGroupMember::default()
                },
            ],
            ..FileGroup::default()
        }],
        client_keys: vec![FileClientKey {
            spec: spec("ci", Role::User),
            hash: client_key_digest("ci-key-from-the-environment"),
            source: "keys.yaml".into(),
        }],
        pricing_policies: vec![FilePricingPolicy {
            name: "night".into(),
            kind: "time".into(),
            spec: json!({ "multiplier": 0.5 }),
            source: "pricing_policies.yaml".into(),
        }],
    }
}

async fn provisioning_keeps_ids_and_disables_what_is_gone(test: &TestStore) {
    let store = &test.store;
    let first = store.provision(&catalog(), &vault(), NOW).await.unwrap();
    assert_eq!(
        (
            first.channels.len(),
            first.channel_models.len(),
            first.provider_keys.len(),
            first.groups.len(),
            first.disabled.len()
        ),
        (2, 4, 4, 1, 0)
    );
    assert_eq!(store.provision(&catalog(), &vault(), NOW + 1).await.unwrap(), first);
    let mut less = catalog();
    less.channels.remove(1);
    less.channels[0].models.remove(1);
    less.groups[0].members.remove(1);
    less.pricing_policies.clear();
    let second = store.provision(&less, &vault(), NOW + 2).await.unwrap();
    let gone = [
        "channels spare",
        "channel_models gpt-4o-mini",
        "channel_models gpt-4o",
        "channel_models gpt-4o-mini",
        "provider_keys default",
        "provider_keys second",
        "group_members 1",
        "pricing_policies night",
    ];
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(sorted(second.disabled.clone()), sorted(gone.map(String::from).to_vec()));
    assert_eq!(second.channels["main"], first.channels["main"]);
    assert!(store.provision(&less, &vault(), NOW + 3).await.unwrap().disabled.is_empty(), "disabled once");
    let back = store.provision(&catalog(), &vault(), NOW + 4).await.unwrap();
    assert_eq!(back, first, "what comes back is itself again");
}

async fn provisioned_secrets_are_sealed_and_stay_as_they_are(test: &TestStore) {
    let first = test.store.provision(&catalog(), &vault(), NOW).await.unwrap();
    let before = test.store.provider_key_secrets(&vault()).await.unwrap();
    let id = &first.provider_keys[&("main".to_owned(), "second".to_owned())];
    assert_eq!(before.iter().find(|key| key.id == *id).unwrap().value.expose(), "sk-live-second-0123456789");
    test.store.provision(&catalog(), &vault(), NOW + 1).await.unwrap();
    let kept = test.store.provider_key_secrets(&vault()).await.unwrap();
    assert!(
        before.iter().zip(&kept).all(|(before, kept)| before.updated_at == kept.updated_at && before.id == kept.id),
        "repeating writes nothing"
    );
    let mut changed = catalog();
    changed.channels[0].keys[1].value = "sk-live-rotated-9876543210".into();
    test.store.provision(&changed, &vault(), NOW + 2).await.unwrap();
    let after = test.store.provider_key_secrets(&vault()).await.unwrap();
    let rotated: Vec<_> = after.iter().filter(|key| key.updated_at == NOW + 2).collect();
    assert_eq!(rotated.len(), 1);
    assert_eq!(
        (rotated[0].id.as_str(), rotated[0].value.expose(), rotated[0].last4.as_str()),
        (id.as_str(), "sk-live-rotated-9876543210", "3210")
    );
    let other = Vault::new(&MasterKey::from_bytes([8; 32]));
    assert_eq!(test.store.provider_key_secrets(&other).await.unwrap_err().kind(), StoreErrorKind::MasterKeyWrong);
    if let Some(path) = test.url.strip_prefix("sqlite://") {
        for file in [path.to_owned(), format!("{path}-wal")] {
            let bytes = std::fs::read(file).unwrap();
            assert!(
                !bytes.windows(8).any(|window| window == b"sk-live-"),
                "a provider key stands in clear in the database"
            );
            assert!(
                !bytes.windows(10).any(|window| window == b"ci-key-fro"),
                "a client key stands in clear in the database"
            );
        }
    }
}

async fn client_keys_from_files_follow_their_value(test: &TestStore) {
    let store = &test.store;
    let first = store.provision(&catalog(), &vault(), NOW).await.unwrap();
    let key = store.client_key("ci").await.unwrap().unwrap();
    assert_eq!((key.managed_by, key.source.as_deref()), (ManagedBy::File, Some("keys.yaml")));
    assert_eq!(store.revoke_client_key("ci", NOW).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    let mut changed = catalog();
    changed.client_keys[0].hash = client_key_digest("another-key-from-the-environment");
    changed.client_keys[0].spec.requests_per_minute = Some(5);
    let second = store.provision(&changed, &vault(), NOW + 1).await.unwrap();
    assert_ne!(second.client_keys["ci"], first.client_keys["ci"]);
    assert_eq!(second.disabled, ["client_keys ci"]);
    assert_eq!(store.client_key("ci").await.unwrap().unwrap().spec.requests_per_minute, Some(5));
    let back = store.provision(&catalog(), &vault(), NOW + 2).await.unwrap();
    assert_eq!(back.client_keys, first.client_keys, "the old value comes back as the old key");
    let mut none = catalog();
    none.client_keys.clear();
    assert_eq!(store.provision(&none, &vault(), NOW + 3).await.unwrap().disabled, ["client_keys ci"]);
    assert_eq!(store.client_keys(false).await.unwrap(), []);
}

async fn a_failed_provisioning_changes_nothing(test: &TestStore) {
    let store = &test.store;
    store.provision(&catalog(), &vault(), NOW).await.unwrap();
    let before = store.client_keys(true).await.unwrap();
    let mut bad = catalog();
    bad.channels.clear();
    bad.client_keys[0].spec.daily_budget_nano = Some(-1);
    assert_eq!(store.provision(&bad, &vault(), NOW + 1).await.unwrap_err().kind(), StoreErrorKind::Invalid);
    assert_eq!(store.client_keys(true).await.unwrap(), before);
    assert!(store.provision(&catalog(), &vault(), NOW + 2).await.unwrap().disabled.is_empty());
    let mut orphan = catalog();
    orphan.channels[0].provider = "nobody".into();
    let error = store.provision(&orphan, &vault(), NOW).await.unwrap_err();
    assert!(error.kind() == StoreErrorKind::Invalid && error.to_string().contains("nobody"), "{error}");
}

async fn what_providers_keep_is_known_again_by_its_owner(test: &TestStore) {
    let mut records: Vec<_> = (0..6).map(record).collect();
    records.iter_mut().for_each(|record| record.created_at = NOW + record.latency_ms);
    records[1].state_ids = vec!["resp_1".into(), "msg_1".into()];
    // The same id for the same owner again, and for another one.
    records[3].state_ids = vec!["resp_1".into()];
    records[4].state_ids = vec!["resp_1".into(), "resp_4".into()];
    // Nobody was asked, so nobody keeps anything.
    records[5].state_ids = vec!["resp_5".into()];
    records[5].attempts.clear();
    test.fill(&records).await;
    test.fill(&records[..2]).await;

    let kept = test.store.pinned_state(0, 10).await.unwrap();
    let mut known: Vec<_> = kept.iter().map(|pin| (pin.key_id.as_str(), pin.state_id.as_str())).collect();
    known.sort_unstable();
    assert_eq!(known, [("key_0", "resp_1"), ("key_0", "resp_4"), ("key_1", "msg_1"), ("key_1", "resp_1")]);
    let first = kept.iter().find(|pin| pin.key_id == "key_1" && pin.state_id == "resp_1").unwrap();
    let last = records[1].attempts.last().unwrap();
    assert_eq!((first.channel.as_str(), first.provider_key_id.as_str()), (&*last.channel, "pkey_1"));
    assert_eq!(first.made_at, records[1].created_at, "the first who made it keeps it");

    let newest = test.store.pinned_state(0, 2).await.unwrap();
    assert!(newest.iter().all(|pin| pin.made_at == records[4].created_at), "{newest:?}");
    assert_eq!(test.store.pinned_state(records[4].created_at, 10).await.unwrap().len(), 2);
    assert_eq!(test.store.forget_pinned_state(records[4].created_at).await.unwrap(), 2);
    assert_eq!(test.store.pinned_state(0, 10).await.unwrap().len(), 2);
}

async fn attempts_are_counted_by_group_channel_model_and_key(test: &TestStore) {
    const KEYS: [&str; 3] = ["main/first", "main/\u{201e}second\u{201c}_\\\"%", "main/FIRST"];
    // More than a page of those that have to be looked at one by one, many of them at one time.
    let mut records: Vec<_> = (0..1_300).map(record).collect();
    for (n, record) in (0..).zip(&mut records) {
        record.created_at = NOW + n / 700;
        match record.status {
            RequestStatus::Interrupted => record.attempts.clear(),
            RequestStatus::Error => record.attempts.last_mut().unwrap().detail = Some("never sent".into()),
            _ => {}
        }
        for (m, attempt) in (0..).zip(&mut record.attempts) {
            attempt.provider_key_id = KEYS.get((n + m) as usize % 4).map(|key| (*key).into());
        }
    }
    // The last one lies outside of the span.
    records[1_299].created_at = NOW + 10;
    test.fill(&records).await;
    for keys in [&[][..], &KEYS[..], &KEYS[1..]] {
        let mut expected = std::collections::BTreeMap::<_, i64>::new();
        for record in &records[..1_299] {
            let group = record.group.as_deref().map(str::to_owned);
            if record.status == RequestStatus::Interrupted {
                let channel = record.channel.as_deref().unwrap().to_owned();
                *expected.entry((group.clone(), channel, None, None)).or_default() += 1;
            }
            for attempt in record.attempts.iter().filter(|attempt| attempt.detail.as_deref() != Some("never sent")) {
                let (channel, model) = (attempt.channel.to_string(), attempt.upstream_model.to_string());
                let key = attempt.provider_key_id.as_deref().filter(|key| keys.contains(key)).map(str::to_owned);
                *expected.entry((group.clone(), channel, Some(model), key)).or_default() += 1;
            }
        }
        let counts = test.store.attempt_counts(NOW, NOW + 2, &["never sent"], keys).await.unwrap();
        let counts: std::collections::BTreeMap<_, _> = counts
            .into_iter()
            .map(|count| ((count.group, count.channel, count.upstream_model, count.provider_key), count.attempts))
            .collect();
        assert_eq!(counts, expected);
    }
    assert_eq!(test.store.attempt_counts(NOW + 2, NOW + 9, &[], &KEYS).await.unwrap(), []);
}

async fn pages_show_every_request_once(test: &TestStore) {
    let mut records: Vec<_> = (0..57).map(record).collect();
    // Equal times: the id decides.
    records.iter_mut().for_each(|record| record.created_at -= record.created_at % 10_000);
    test.fill(&records).await;
    let mut newest_first: Vec<_> = records.iter().map(|record| (record.created_at, record.id.clone())).collect();
    newest_first.sort_by(|a, b| b.cmp(a));
    let mut filter = RequestFilter { limit: 10, ..RequestFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = test.store.requests(&filter).await.unwrap();
        assert!(page.rows.len() <= 10);
        seen.extend(page.rows.iter().map(|row| (row.created_at, row.id.clone())));
        match page.next_cursor {
            Some(cursor) => filter.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(seen, newest_first);
    let count = async |filter: RequestFilter| {
        test.store.requests(&RequestFilter { limit: 200, ..filter }).await.unwrap().rows.len()
    };
    let expected =
        |keep: &dyn Fn(&router_store::RequestRecord) -> bool| records.iter().filter(|record| keep(record)).count();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        count(RequestFilter { key_id: text("key_1"), ..RequestFilter::default() }).await,
        expected(&|record| record.key_id == "key_1")
    );
    assert_eq!(
        count(RequestFilter { model: text("auto:fast"), group: text("auto:fast"), ..RequestFilter::default() }).await,
        expected(&|record| record.model == "auto:fast")
    );
    assert_eq!(
        count(RequestFilter { channel: text("channel-2"), ..RequestFilter::default() }).await,
        expected(&|record| record.channel.as_deref() == Some("channel-2"))
    );
    for status in RequestStatus::ALL {
        assert_eq!(
            count(RequestFilter { status: Some(status), ..RequestFilter::default() }).await,
            expected(&|record| record.status == status)
        );
    }
    let (since, until) = (NOW + 10_000, NOW + 30_000);
    let window = RequestFilter { since_ms: Some(since), until_ms: Some(until), ..RequestFilter::default() };
    assert_eq!(count(window).await, expected(&|record| (since..until).contains(&record.created_at)));
    for q in ["req_00000004", "client-4"] {
        assert_eq!(count(RequestFilter { q: text(q), ..RequestFilter::default() }).await, 1);
    }
    assert_eq!(count(RequestFilter { q: text("' OR 1=1 --"), ..RequestFilter::default() }).await, 0);
    assert_eq!(
        test.store
            .requests(&RequestFilter { cursor: text("rubbish"), ..RequestFilter::default() })
            .await
            .unwrap_err()
            .kind(),
        StoreErrorKind::Invalid
    );
}

async fn a_period_of_the_log_is_read_in_the_order_of_time(test: &TestStore) {
    let mut records: Vec<_> = (0..57).map(record).collect();
    // Many of one time, which a page may end in the middle of.
    records.iter_mut().for_each(|record| record.created_at = NOW + (record.created_at - NOW) / 7_000);
    test.fill(&records).await;
    records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let wanted: Vec<_> = records.iter().filter(|r| (NOW + 1..NOW + 7).contains(&r.created_at)).collect();
    assert_eq!(test.store.request_count(NOW + 1, NOW + 7).await.unwrap(), i64::try_from(wanted.len()).unwrap());
    let mut costs: Vec<(String, i64)> = Vec::new();
    for row in wanted.iter().filter(|row| row.cost_nano > 0) {
        match costs.iter_mut().find(|(key, _)| *key == row.key_id) {
            Some((_, cost)) => *cost += row.cost_nano,
            None => costs.push((row.key_id.to_string(), row.cost_nano)),
        }
    }
    costs.sort();
    assert!(costs.len() > 1, "{costs:?}");
    assert_eq!(test.store.cost_by_key(NOW + 1, NOW + 7).await.unwrap(), costs);
    for limit in [1, 5, 200] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = test.store.request_log(NOW + 1, NOW + 7, after.as_deref(), limit).await.unwrap();
            found.extend(page.rows);
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(
            found.iter().map(|row| &row.id).collect::<Vec<_>>(),
            wanted.iter().map(|row| &row.id).collect::<Vec<_>>()
        );
        assert!(
            found
                .iter()
                .zip(&wanted)
                .all(|(row, wanted)| row.decision == wanted.decision && row.attempts == wanted.attempts)
        );
    }
}

async fn a_request_is_seen_by_its_key_only(test: &TestStore) {
    let mut expected = record(4);
    test.fill(&[expected.clone()]).await;
    let found = test.store.request(&expected.id, None).await.unwrap().unwrap();
    expected.ledger.clear();
    assert_eq!(found, expected, "every field comes back");
    assert!(test.store.request(&expected.id, Some("key_0")).await.unwrap().is_some());
    assert!(test.store.request(&expected.id, Some("key_1")).await.unwrap().is_none());
    assert_eq!(
        test.store.request_decision(&expected.id, Some("key_0")).await.unwrap(),
        Some(expected.decision.map(|text| text.to_string()))
    );
    assert_eq!(test.store.request_decision(&expected.id, Some("key_1")).await.unwrap(), None);
    assert_eq!(test.store.request_decision("absent", None).await.unwrap(), None);
}

async fn a_failing_database_fails_every_call_and_counts_it(test: &TestStore) {
    let before = test.store.calls();
    test.store.fail_every_call(true);
    assert_eq!(test.store.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(test.store.client_keys(false).await.is_err());
    assert!(test.store.set_meta("a", "b", NOW).await.is_err());
    assert!(test.store.keep_config("a", "b", NOW).await.is_err());
    assert_eq!(test.store.calls() - before, 4);
    test.store.fail_every_call(false);
    test.store.ping().await.unwrap();
}

async fn the_last_runs_of_each_job_are_kept(test: &TestStore) {
    let store = &test.store;
    let job = |name: &str, retries: i64| JobSettings {
        name: name.into(),
        cron: "*/5 * * * *".into(),
        timeout_ms: 300_000,
        retries,
        enabled: true,
    };
    let run = |number: i64, outcome: &str| JobRun {
        id: format!("run-{number}"),
        started_at: NOW + number,
        ended_at: NOW + number + 5,
        outcome: outcome.into(),
        tries: 1 + number,
        triggered_by: "clock".into(),
        detail: json!({ "done": number }).to_string(),
    };
    assert_eq!(store.job_runs("health_check").await.unwrap(), []);
    for number in 0..5 {
        // Its settings may change meanwhile.
        store.keep_job_run(&job("health_check", number), &run(number, "ok"), 3).await.unwrap();
    }
    store.keep_job_run(&job("other", 0), &run(9, "timeout"), 3).await.unwrap();
    let kept = store.job_runs("health_check").await.unwrap();
    assert_eq!(kept, [run(4, "ok"), run(3, "ok"), run(2, "ok")]);
    assert_eq!(store.job_runs("other").await.unwrap(), [run(9, "timeout")]);
    let twice = store.keep_job_run(&job("health_check", 1), &run(4, "ok"), 3).await;
    assert!(twice.is_err(), "a run has one row");
    assert_eq!(store.job_runs("health_check").await.unwrap().len(), 3);
}
