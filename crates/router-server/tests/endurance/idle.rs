//! A router with 1,000 channel models that nobody uses is small.

use crate::installation::Installation;
use crate::process::{Process, binary};

/// 40 MB of resident memory.
const MOST_KIB: u64 = 40_000_000 / 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_channel_models_need_little_memory() {
    let models: Vec<String> = (0..10)
        .map(|model| {
            format!("{{ name: model-{model}, price: {{ input: 1.{model}, output: 3.0 }}, context_length: 100000 }}")
        })
        .collect();
    let models = models.join(", ");
    let mut channels = String::from(
        "providers:\n  simulated: { kind: openai_compatible, base_url: \"http://127.0.0.1:9/v1\" }\nchannels:\n",
    );
    for channel in 0..100 {
        channels.push_str(&format!(
            "  - {{ name: channel-{channel}, provider: simulated, api_keys: [key-{channel}], models: [ {models} ] }}\n"
        ));
    }
    let router = Process::start(&Installation::new("", &channels)).await;
    let resident = router.memory_kib("VmRSS");
    let (binary, built_for_use) = binary();
    println!("idle with 1,000 channel models: {resident} KiB resident ({binary})");
    assert!(!built_for_use || resident < MOST_KIB, "{resident} KiB");
}
