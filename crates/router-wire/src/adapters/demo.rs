//! The built-in simulated provider, which speaks OpenAI's dialect and needs no key.

use super::{Adapter, Auth, PLAIN, UpstreamPreset};

pub(super) const ADAPTER: Adapter = Adapter { name: "demo", preset, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset { auth: Auth::None, ..UpstreamPreset::default() }
}
