//! The spool: what happened, appended to a file on the request path, taken over by the writer later.
//!
//! - One append is one `write` of one framed record under a mutex: no database, no async, no sync in [`Durability::Normal`]
//!   (survives the death of the process). In [`Durability::Full`] a thread syncs in groups; [`Spool::synced`] waits for it.
//! - A reservation stands before the first upstream byte, its settlement (or void) before the answer ends. A reservation
//!   whose process died is settled by the next [`Spool::open`] as `interrupted` at its amount: the settlement is itself
//!   appended and synced before anything else happens, so it is found again however often the recovery is killed.
//! - Each start begins a new segment, numbered above all before it; the last number is never reused.
//! - Headroom: a file of zeros that is given up when the disk is full, so that what runs can still be settled. Without it,
//!   or while a settlement waits in memory for room, new reservations are refused ([`StoreErrorKind::SpoolFull`]);
//!   [`Spool::maintain`] makes it again as soon as there is room.

mod append;
mod frame;
mod lane;
mod medium;
#[cfg(test)]
mod model_test;
mod read;
mod recent;
mod recover;
mod segment;
mod sync;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

pub use frame::SpoolRecord;
pub use lane::Lane;
#[cfg(any(test, feature = "faults"))]
pub use medium::SimulatedDisk;
pub(crate) use read::{Batch, Position, SpoolReader};

use crate::data_dir::{create_private_dir, private_file_options};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::{RequestRecord, Reservation};
use append::Appender;
use frame::{Kind, Void};
use medium::Medium;
use sync::Syncer;

/// When an appended record counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Written: survives the death of the process.
    #[default]
    Normal,
    /// Synced, in groups: survives the death of the machine.
    Full,
}

/// How a spool behaves.
#[derive(Debug, Clone)]
pub struct SpoolOptions {
    /// When a record counts as kept.
    pub durability: Durability,
    /// A segment that has reached this size is followed by a new one.
    pub segment_bytes: u64,
    /// Room kept to settle what runs when the disk is full.
    pub headroom_bytes: u64,
    /// A disk for tests.
    #[cfg(any(test, feature = "faults"))]
    pub disk: Option<SimulatedDisk>,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Normal,
            segment_bytes: 16 << 20,
            headroom_bytes: 16 << 20,
            #[cfg(any(test, feature = "faults"))]
            disk: None,
        }
    }
}

/// A record's place in the order of appends, to wait for its sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What the start found and repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Requests whose process died: now settled as `interrupted`.
    pub interrupted: Vec<String>,
    /// Half-written records cut off.
    pub torn_tails: u64,
    /// Unreadable places set apart.
    pub quarantined: u64,
}

/// How the spool stands, for metrics and `/health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolGauge {
    /// Records that are not in the database yet.
    pub pending: u64,
    /// Age of the oldest of them, milliseconds.
    pub lag_ms: i64,
    /// Whether new reservations are taken.
    pub accepting: bool,
    /// Unreadable places and refused records set apart since the start.
    pub quarantined: u64,
}

/// The spool, shared by all requests and its one reader.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    id: String,
    first_segment: u64,
    appender: Arc<Appender>,
    syncer: Option<Syncer>,
    recovered: Recovered,
    drained: AtomicU64,
    quarantined: AtomicU64,
    /// Time of the oldest record known not to be in the database; 0 for none.
    oldest_ms: AtomicI64,
}

impl Spool {
    /// Opens the spool folder, repairs what a crash left, and settles the reservations of dead processes.
    ///
    /// The data folder's lock must be held: one process has the spool.
    pub fn open(folder: impl Into<PathBuf>, options: &SpoolOptions) -> StoreResult<Self> {
        let folder = folder.into();
        create_private_dir(&folder)?;
        let id = spool_id(&folder)?;
        let medium = Medium {
            #[cfg(any(test, feature = "faults"))]
            disk: options.disk.clone(),
        };
        let remains = recover::recover(&folder, &medium)?;
        let first_segment = remains.last_segment + 1;
        let appender = Arc::new(Appender::open(&folder, first_segment, remains.records, medium, options)?);
        let mut recovered =
            Recovered { interrupted: Vec::new(), torn_tails: remains.torn, quarantined: remains.quarantined };
        for reservation in remains.open {
            let record = reservation.interrupted();
            // Without room the settlement waits in memory; the reservation stays in its segment until then.
            if let Err(error) = appender.append(Kind::Settled, &record) {
                tracing::error!(request_id = record.id, %error, "an interrupted request could not be settled yet");
            }
            recovered.interrupted.push(record.id);
        }
        if !recovered.interrupted.is_empty() {
            appender
                .sync_from(first_segment)
                .map_err(|error| StoreError::caused(StoreErrorKind::SpoolFailed, "syncing the spool", error))?;
        }
        let syncer = match options.durability {
            Durability::Normal => None,
            Durability::Full => Some(Syncer::start(Arc::clone(&appender))?),
        };
        Ok(Self {
            folder,
            id,
            first_segment,
            appender,
            syncer,
            quarantined: AtomicU64::new(recovered.quarantined),
            recovered,
            drained: AtomicU64::new(0),
            oldest_ms: AtomicI64::new(0),
        })
    }

    /// Appends a reservation. Before the first upstream byte.
    ///
    /// # Errors
    /// `SpoolFull` or `SpoolFailed`: answer 503 `accounting_unavailable`; nothing was kept.
    pub fn reserve(&self, reservation: &Reservation<'_>) -> StoreResult<Ticket> {
        self.appender.append(Kind::Reserved, reservation)
    }

    /// Appends a terminal row. Before the answer ends.
    ///
    /// # Errors
    /// As [`Self::reserve`]; but then the row is not lost: it waits in memory until there is room, and should the process
    /// die before that, its reservation is booked.
    pub fn settle(&self, record: &RequestRecord) -> StoreResult<Ticket> {
        self.appender.append(Kind::Settled, record)
    }

    /// Gives a reservation back: nothing was sent upstream and there is to be no row.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub fn void(&self, request_id: &str) -> StoreResult<Ticket> {
        self.appender.append(Kind::Voided, &Void { request_id: request_id.into() })
    }

    /// Waits until the record is kept as the durability promises: at once in `normal`.
    ///
    /// # Errors
    /// `SpoolFailed` when the sync failed.
    pub async fn synced(&self, ticket: Ticket) -> StoreResult<()> {
        match &self.syncer {
            None => Ok(()),
            Some(syncer) => syncer.wait_for(ticket.0).await,
        }
    }

    /// Makes headroom again and appends what waits, once there is room. Called now and then by the writer; may block on the disk.
    pub fn maintain(&self) {
        self.appender.maintain();
    }

    /// What the start found.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// How it stands at `now_ms` (unix milliseconds).
    #[must_use]
    pub fn gauge(&self, now_ms: i64) -> SpoolGauge {
        let pending = self.pending();
        let oldest = self.oldest_ms.load(Ordering::Relaxed);
        SpoolGauge {
            pending,
            lag_ms: if pending == 0 || oldest == 0 { 0 } else { now_ms.saturating_sub(oldest).max(0) },
            accepting: self.appender.is_accepting(),
            quarantined: self.quarantined.load(Ordering::Relaxed),
        }
    }

    /// Records that are not in the database yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.appender.appended().saturating_sub(self.drained.load(Ordering::Relaxed))
    }

    /// The spool's own id, under which the database knows how far it has been taken over.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn accepting(&self) -> bool {
        self.appender.is_accepting()
    }

    pub(crate) fn drained(&self) -> u64 {
        self.drained.load(Ordering::Relaxed)
    }

    pub(crate) fn appended(&self) -> u64 {
        self.appender.appended()
    }

    pub(crate) fn count_quarantined(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets a row apart that the database refuses as data.
    pub(crate) fn quarantine_row(&self, record: &RequestRecord) -> StoreResult<()> {
        let mut text = serde_json::to_vec(record)
            .map_err(|error| StoreError::caused(StoreErrorKind::Internal, "refused row", error))?;
        if let Some(decision) = &record.decision {
            text.push(b'\n');
            text.extend_from_slice(decision.as_bytes());
        }
        if segment::quarantine_named(
            &self.folder,
            &format!("row-{}.json", crate::secret::sha256_hex(record.id.as_bytes())),
            &text,
        )? {
            self.count_quarantined();
            tracing::error!(request_id = record.id, "the database refuses a request row; set apart in quarantine");
        }
        Ok(())
    }
}

/// Reads the spool's id, or makes one.
fn spool_id(folder: &Path) -> StoreResult<String> {
    use std::io::Write as _;
    let path = folder.join("id");
    if let Ok(text) = std::fs::read_to_string(&path)
        && text.trim().starts_with("spool_")
    {
        return Ok(text.trim().to_owned());
    }
    let failed =
        |error| StoreError::caused(StoreErrorKind::SpoolFailed, format!("cannot write {}", path.display()), error);
    let id = crate::secret::random_id("spool")?;
    let beside = folder.join("id.new");
    let mut file = private_file_options().write(true).create(true).truncate(true).open(&beside).map_err(failed)?;
    file.write_all(id.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, &path).map_err(failed)?;
    Ok(id)
}
