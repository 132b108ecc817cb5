//! A configuration as a stage for the virtual router: the world as it would be at a first start, without sockets.

use std::sync::Arc;

use router_core::budget::{Ledger, Zone};
use router_core::catalog::spec::CatalogSpec;
use router_core::catalog::{Channel, Snapshot};
use router_core::rehearsal::Stage;
use router_core::world::{Cells, World};

use crate::config::Loaded;
use crate::wiring;

/// The stage of a configuration whose catalogue is `spec` (as [`Loaded::catalog_spec`] gives it, with whatever client keys).
/// Nothing is known, spent or cooling down yet.
///
/// # Errors
/// Every problem, one a line.
pub fn stage(loaded: &Loaded, spec: CatalogSpec) -> Result<Stage, String> {
    let wired = wiring::channels(loaded)?;
    let zone = Zone::named(&spec.budgets.timezone).map_err(|error| error.to_string())?;
    let core = Snapshot::build(spec).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    let manners = |channel: &Channel| wired.get(&channel.name).map(|wired| wired.preset.manners()).unwrap_or_default();
    let world = World::build(&core, wiring::rules(&loaded.system), manners, &Cells::default(), &Ledger::new(zone));
    Ok(Stage {
        core: Arc::new(core),
        world,
        retries: wiring::retries(&loaded.system),
        hedges: wiring::hedges(&loaded.system),
        admission: wiring::admission(&loaded.system),
        patience_ms: loaded.system.limits.queue_timeout.as_millis(),
    })
}
