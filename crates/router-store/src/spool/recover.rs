//! What an earlier process left in the spool: torn tails are cut, damage is set apart, open reservations are found.

use std::collections::BTreeMap;
use std::path::Path;

use super::frame::SpoolRecord;
use super::medium::Medium;
use super::segment::{self, Found, SegmentReader};
use crate::data_dir::private_file_options;
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::Reservation;

/// The state of a spool folder before this process appends to it.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// The number of the last segment; 0 for none.
    pub(super) last_segment: u64,
    /// Whole records in all segments.
    pub(super) records: u64,
    /// Bytes of all segments.
    pub(super) bytes: u64,
    /// Damaged places set apart now (not at an earlier start).
    pub(super) quarantined: u64,
    /// Tails cut off.
    pub(super) torn: u64,
    /// Reservations without settlement, oldest first: their process died.
    pub(super) open: Vec<Reservation<'static>>,
}

/// Reads and repairs every segment.
pub(super) fn recover(folder: &Path, medium: &Medium) -> StoreResult<Remains> {
    let failed = |error| StoreError::caused(StoreErrorKind::SpoolFailed, "reading the spool", error);
    let mut remains = Remains::default();
    let mut open: BTreeMap<String, Reservation> = BTreeMap::new();
    for number in segment::list(folder).map_err(failed)? {
        remains.last_segment = number;
        let mut reader = SegmentReader::open(folder, number, 0).map_err(failed)?;
        let limit = reader.file_length().map_err(failed)?;
        loop {
            let offset = reader.offset();
            match reader.next(limit).map_err(failed)? {
                Found::Record(record, _) => {
                    remains.records += 1;
                    follow(&mut open, record);
                }
                Found::Damage(bytes, _) => {
                    remains.quarantined += u64::from(segment::quarantine(folder, number, offset, &bytes)?);
                }
                Found::Torn => {
                    let file =
                        private_file_options().append(true).open(segment::path_of(folder, number)).map_err(failed)?;
                    medium.truncate(&file, offset).map_err(failed)?;
                    remains.torn += 1;
                    break;
                }
                Found::End => break,
            }
        }
        remains.bytes += reader.offset();
    }
    remains.open = open.into_values().collect();
    remains.open.sort_by(|a, b| (a.at_ms, &a.request_id).cmp(&(b.at_ms, &b.request_id)));
    Ok(remains)
}

fn follow(open: &mut BTreeMap<String, Reservation>, record: SpoolRecord) {
    match record {
        SpoolRecord::Reserved(reservation) => {
            open.insert(reservation.request_id.to_string(), *reservation);
        }
        SpoolRecord::Settled(record) => {
            open.remove(&record.id);
        }
        SpoolRecord::Voided { request_id } => {
            open.remove(&request_id);
        }
    }
}
