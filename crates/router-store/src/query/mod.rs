//! What can be asked of the database, one file a subject. Texts run on both engines; every one has a test on both.

mod attempts;
mod budget;
mod config_versions;
mod jobs;
mod keys;
mod meta;
pub(crate) mod pinned;
mod provider_keys;
mod provision;
pub(crate) mod request_columns;
mod request_log;
mod requests;
mod stats;

pub use attempts::AttemptCount;
pub use budget::BudgetSpent;
pub use config_versions::ConfigVersion;
pub use jobs::{JobRun, JobSettings};
pub use keys::{ClientKey, ClientKeySpec, ManagedBy, Role};
pub use pinned::PinnedState;
pub use provider_keys::{ProviderKeyFacts, ProviderKeySecret};
pub use provision::{
    FileCatalog, FileChannel, FileChannelModel, FileClientKey, FileGroup, FileGroupMember, FilePricingPolicy,
    FileProvider, FileProviderKey, Provisioned,
};
pub use requests::{RequestFilter, RequestPage};
pub use stats::{ChannelStatistics, StatisticsFilter};

use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// A list or map as the JSON text of its column.
fn json(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::caused(StoreErrorKind::Internal, "a value that is no JSON", error))
}
