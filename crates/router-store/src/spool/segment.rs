//! Segments: the numbered files of a spool folder, read as records with damage set apart.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::frame::{Record, Step, step};
use crate::data_dir::{create_private_dir, private_file_options};
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// How much is read at once; doubled for a record that does not fit.
const CHUNK: u64 = 1 << 20;

pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.seg"))
}

/// The numbers of all segments in the folder, ascending.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".seg")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What stands next in a segment.
#[derive(Debug)]
pub(super) enum Found<R> {
    /// A record and the offset behind it.
    Record(R, u64),
    /// Bytes that are no readable record, and the offset behind them.
    Damage(Vec<u8>, u64),
    /// The segment ends here with a record that was never finished.
    Torn,
    /// The segment ends here.
    End,
}

/// Reads a segment forward, from an offset up to a limit.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: File,
    /// What has been read of the file and where that begins.
    bytes: Vec<u8>,
    start: u64,
    offset: u64,
}

impl SegmentReader {
    pub(super) fn open(folder: &Path, number: u64, offset: u64) -> io::Result<Self> {
        Ok(Self { file: File::open(path_of(folder, number))?, bytes: Vec::new(), start: offset, offset })
    }

    pub(super) fn file_length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next thing before `limit`, which is where whole records end for sure (or the end of the file).
    pub(super) fn next<R: Record>(&mut self, limit: u64) -> io::Result<Found<R>> {
        let mut wanted = CHUNK;
        loop {
            let at = usize::try_from(self.offset - self.start).unwrap_or(usize::MAX);
            let rest = self.bytes.get(at..).unwrap_or_default();
            let complete = self.offset + rest.len() as u64 >= limit;
            let (found, length) = match step(rest, complete) {
                Step::Frame { frame, length } => {
                    let behind = self.offset + length as u64;
                    let damage = || Found::Damage(rest.get(..length).unwrap_or_default().to_vec(), behind);
                    (R::read(&frame).map_or_else(damage, |record| Found::Record(record, behind)), length)
                }
                Step::Damaged { length } => (
                    Found::Damage(rest.get(..length).unwrap_or_default().to_vec(), self.offset + length as u64),
                    length,
                ),
                Step::Torn => return Ok(Found::Torn),
                Step::End if complete => return Ok(Found::End),
                Step::NeedMore | Step::End => {
                    self.fill(wanted.min(limit - self.offset))?;
                    wanted = wanted.saturating_mul(2);
                    continue;
                }
            };
            self.offset += length as u64;
            return Ok(found);
        }
    }

    /// Reads `wanted` bytes from the present offset.
    fn fill(&mut self, wanted: u64) -> io::Result<()> {
        self.start = self.offset;
        self.bytes.clear();
        self.file.seek(SeekFrom::Start(self.offset))?;
        let read = (&self.file).take(wanted).read_to_end(&mut self.bytes)?;
        if (read as u64) < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// Sets unreadable bytes apart, once: a second find of the same place writes nothing. Says whether it was new.
pub(super) fn quarantine(folder: &Path, number: u64, offset: u64, bytes: &[u8]) -> StoreResult<bool> {
    let new = quarantine_named(folder, &format!("{number:016}-{offset:012}.bin"), bytes)?;
    if new {
        tracing::error!(
            segment = number,
            offset,
            bytes = bytes.len(),
            "unreadable spool bytes set apart in quarantine"
        );
    }
    Ok(new)
}

/// Writes a file into the quarantine folder unless it is there already; whether it was new.
pub(super) fn quarantine_named(folder: &Path, name: &str, bytes: &[u8]) -> StoreResult<bool> {
    let failed = |error| StoreError::caused(StoreErrorKind::SpoolFailed, "spool quarantine", error);
    let quarantine = folder.join("quarantine");
    create_private_dir(&quarantine)?;
    let mut file = match private_file_options().write(true).create_new(true).open(quarantine.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(true)
}
