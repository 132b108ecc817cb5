//! The built-in simulated provider, which speaks OpenAI's dialect and needs no key.

use super::{Adapter, Auth, UpstreamPreset, path_of};

pub(super) const ADAPTER: Adapter = Adapter { name: "demo", preset, path: path_of, refine: |_, _| None };

fn preset() -> UpstreamPreset {
    UpstreamPreset { auth: Auth::None, ..UpstreamPreset::default() }
}
