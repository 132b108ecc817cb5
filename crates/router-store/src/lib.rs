//! What Smart AI Router remembers: the spool on the request path, the database behind it, and the secrets.
//!
//! - [`Spool`]: what happened, appended to a file before the answer ends; the only part that a request touches.
//! - [`Writer`]: moves the spool into the database in batches, each record exactly once.
//! - [`Store`]: the database (SQLite or PostgreSQL): migrations, provisioning, client keys, request log, books, statistics.
//! - [`DataDir`], [`MasterKey`], [`Vault`], [`SecretString`]: the private folder, and secrets at rest.

mod data_dir;
mod db;
mod error;
mod query;
mod record;
mod secret;
mod spool;
mod writer;

pub use data_dir::DataDir;
pub use db::{Engine, MigrationState, MigrationStatus, Store, StoreOptions};
pub use error::{StoreError, StoreErrorKind, StoreResult};
pub use query::{
    AttemptCount, BudgetSpent, ChannelStatistics, ClientKey, ClientKeySpec, ConfigVersion, FileCatalog, FileChannel,
    FileChannelModel, FileClientKey, FileGroup, FileGroupMember, FilePricingPolicy, FileProvider, FileProviderKey,
    JobRun, JobSettings, ManagedBy, PinnedState, ProviderKeyFacts, ProviderKeySecret, Provisioned, RequestFilter,
    RequestPage, Role, StatisticsFilter,
};
pub use record::{
    AttemptRecord, BudgetScope, LedgerEntry, RequestRecord, RequestStatus, Reservation, TokenCounts, TokensSource,
};
pub use secret::{
    CLIENT_KEY_PREFIX, MasterKey, NewClientKey, SecretPlace, SecretString, Vault, client_key_digest, digests_match,
    hmac_sha256, is_plausible_client_key, sha256_hex,
};
#[cfg(any(test, feature = "faults"))]
pub use spool::SimulatedDisk;
pub use spool::{Durability, Lane, Recovered, Spool, SpoolGauge, SpoolOptions, SpoolRecord, Ticket};
pub use writer::{HISTOGRAM_BOUNDS_MS, Histogram, Writer, WriterHandle, WriterOptions};
