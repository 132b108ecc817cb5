//! The form of a record in a segment.
//!
//! `A7 53 | kind u8 | version u8 | length u32 LE | crc32 u32 LE | payload`: the checksum covers kind, version, length and
//! payload; the payload is JSON, and behind that of a terminal row its decision as it came: a long text, which nobody needs
//! to read on its way into the database. The two leading bytes let a reader find the next whole record behind a damaged
//! place.

use serde::{Deserialize, Serialize};

use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::{RequestRecord, Reservation};

const MAGIC: [u8; 2] = [0xA7, 0x53];
const VERSION: u8 = 1;
const HEADER: usize = 12;
/// No record is longer; a longer length is damage.
const MAX_PAYLOAD: usize = 64 << 20;

/// What can stand in the spool.
#[derive(Debug, Clone, PartialEq)]
pub enum SpoolRecord {
    /// Before the first upstream byte.
    Reserved(Box<Reservation<'static>>),
    /// The terminal row, before the answer ends.
    Settled(Box<RequestRecord>),
    /// The reservation was given back before anything was sent; there is no row.
    Voided {
        /// Whose reservation.
        request_id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reserved = 1,
    Settled = 2,
    Voided = 3,
}

/// What the writer needs of a record: of a reservation only whose it is.
#[derive(Debug)]
pub(super) enum Passing {
    Reserved { request_id: String, at_ms: i64 },
    Settled(Box<RequestRecord>),
    Voided { request_id: String },
}

#[derive(Deserialize)]
struct ReservedHead<'a> {
    #[serde(borrow, default)]
    request_id: std::borrow::Cow<'a, str>,
    #[serde(default)]
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Void<'a> {
    #[serde(borrow)]
    pub(super) request_id: std::borrow::Cow<'a, str>,
}

/// The checksum of the beginning of a header and its payload: CRC-32 as zlib has it.
fn crc32(pieces: [&[u8]; 2]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    pieces.into_iter().for_each(|piece| hasher.update(piece));
    hasher.finalize()
}

/// What a frame can hold.
pub(super) trait Payload: Serialize {
    /// What stands behind its JSON.
    fn tail(&self) -> &str {
        ""
    }
}

impl Payload for Reservation<'_> {}
impl Payload for Void<'_> {}
impl Payload for RequestRecord {
    fn tail(&self) -> &str {
        self.decision.as_deref().unwrap_or_default()
    }
}

/// A terminal row with its decision.
fn settled(payload: &[u8]) -> Option<Box<RequestRecord>> {
    let mut json = serde_json::Deserializer::from_slice(payload).into_iter::<Box<RequestRecord>>();
    let mut record = json.next()?.ok()?;
    let tail = payload.get(json.byte_offset()..).unwrap_or_default();
    record.decision = if tail.is_empty() { None } else { Some(std::str::from_utf8(tail).ok()?.into()) };
    Some(record)
}

/// Adds one whole frame to the buffer; after an error a part of one stands there.
pub(super) fn encode(buffer: &mut Vec<u8>, kind: Kind, payload: &impl Payload) -> StoreResult<()> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER]);
    serde_json::to_writer(&mut *buffer, payload)
        .map_err(|error| StoreError::caused(StoreErrorKind::Internal, "spool record", error))?;
    buffer.extend_from_slice(payload.tail().as_bytes());
    let frame = buffer.get_mut(start..).unwrap_or_default();
    let Some((header, payload)) = frame.split_first_chunk_mut::<HEADER>() else {
        return Err(StoreError::new(StoreErrorKind::Internal, "spool record without header"));
    };
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= MAX_PAYLOAD);
    let length = length
        .ok_or_else(|| StoreError::new(StoreErrorKind::Invalid, "a spool record may hold at most 64 MiB"))?
        .to_le_bytes();
    let head = [kind as u8, VERSION, length[0], length[1], length[2], length[3]];
    let crc = crc32([&head, payload]).to_le_bytes();
    *header =
        [MAGIC[0], MAGIC[1], head[0], head[1], head[2], head[3], head[4], head[5], crc[0], crc[1], crc[2], crc[3]];
    Ok(())
}

/// A frame whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    kind: u8,
    version: u8,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// The record; `None` for a kind or version that this program does not know, or a payload that does not parse.
    pub(super) fn record(&self) -> Option<SpoolRecord> {
        if self.version != VERSION {
            return None;
        }
        match self.kind {
            1 => serde_json::from_slice(self.payload).ok().map(SpoolRecord::Reserved),
            2 => settled(self.payload).map(SpoolRecord::Settled),
            3 => serde_json::from_slice::<Void<'_>>(self.payload)
                .ok()
                .map(|void| SpoolRecord::Voided { request_id: void.request_id.into_owned() }),
            _ => None,
        }
    }
}

/// A way to read the payload of a frame.
pub(super) trait Record: Sized {
    /// The record; `None` for a kind or version that this program does not know, or a payload that does not parse.
    fn read(frame: &Frame<'_>) -> Option<Self>;
}

impl Record for SpoolRecord {
    fn read(frame: &Frame<'_>) -> Option<Self> {
        frame.record()
    }
}

impl Record for Passing {
    fn read(frame: &Frame<'_>) -> Option<Self> {
        if frame.version == VERSION && frame.kind == Kind::Reserved as u8 {
            let head: ReservedHead<'_> = serde_json::from_slice(frame.payload).ok()?;
            return Some(Self::Reserved { request_id: head.request_id.into_owned(), at_ms: head.at_ms });
        }
        Some(match frame.record()? {
            SpoolRecord::Reserved(reservation) => {
                Self::Reserved { request_id: reservation.request_id.into_owned(), at_ms: reservation.at_ms }
            }
            SpoolRecord::Settled(record) => Self::Settled(record),
            SpoolRecord::Voided { request_id } => Self::Voided { request_id },
        })
    }
}

/// What stands at the beginning of some bytes of a segment. Lengths count from that beginning.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A whole record.
    Frame { frame: Frame<'a>, length: usize },
    /// Bytes that are no record, with a whole record (or the end) behind them.
    Damaged { length: usize },
    /// The rest is the beginning of a record that was never finished.
    Torn,
    /// More bytes of the segment are needed to tell.
    NeedMore,
    /// Nothing is left.
    End,
}

/// Reads what stands first. `complete`: the bytes reach to the end of the segment.
pub(super) fn step(bytes: &[u8], complete: bool) -> Step<'_> {
    if bytes.is_empty() {
        return Step::End;
    }
    match whole(bytes) {
        Whole::Yes { frame, length } => Step::Frame { frame, length },
        Whole::TooShort if !complete => Step::NeedMore,
        _ if !complete && next_whole(bytes).is_none() => Step::NeedMore,
        found => match (next_whole(bytes), found) {
            (Some(length), _) => Step::Damaged { length },
            (None, Whole::TooShort) => Step::Torn,
            (None, _) => Step::Damaged { length: bytes.len() },
        },
    }
}

enum Whole<'a> {
    Yes { frame: Frame<'a>, length: usize },
    No,
    TooShort,
}

fn whole(bytes: &[u8]) -> Whole<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return if bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic) { Whole::TooShort } else { Whole::No };
    };
    let [m0, m1, kind, version, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if [m0, m1] != MAGIC || length > MAX_PAYLOAD {
        return Whole::No;
    }
    let Some(payload) = rest.get(..length) else {
        return Whole::TooShort;
    };
    if crc32([&[kind, version, l0, l1, l2, l3], payload]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Whole::No;
    }
    Whole::Yes { frame: Frame { kind, version, payload }, length: HEADER + length }
}

/// Where the next whole record begins, behind a bad place at the beginning.
fn next_whole(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| {
        bytes.get(*at..).is_some_and(|rest| rest.starts_with(&MAGIC) && matches!(whole(rest), Whole::Yes { .. }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: &str) -> Vec<u8> {
        let mut buffer = Vec::new();
        encode(&mut buffer, Kind::Voided, &Void { request_id: id.into() }).unwrap();
        buffer
    }

    /// `ids of whole records`, `damaged bytes`, `torn`.
    fn read(mut bytes: &[u8]) -> (Vec<String>, usize, bool) {
        let (mut ids, mut damaged) = (Vec::new(), 0);
        loop {
            match step(bytes, true) {
                Step::Frame { frame, length } => {
                    let Some(SpoolRecord::Voided { request_id }) = frame.record() else { panic!("another record") };
                    ids.push(request_id);
                    bytes = &bytes[length..];
                }
                Step::Damaged { length } => {
                    damaged += length;
                    bytes = &bytes[length..];
                }
                Step::Torn => return (ids, damaged, true),
                Step::End => return (ids, damaged, false),
                Step::NeedMore => panic!("the segment is complete"),
            }
        }
    }

    #[test]
    fn every_cut_leaves_the_whole_records_before_it() {
        let (one, two) = (frame("one"), frame("two"));
        let all = [one.clone(), two.clone()].concat();
        for cut in 0..=all.len() {
            let (ids, damaged, torn) = read(&all[..cut]);
            let whole = usize::from(cut >= one.len()) + usize::from(cut == all.len());
            assert_eq!(
                (ids.len(), damaged, torn),
                (whole, 0, ![0, one.len(), all.len()].contains(&cut)),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn every_flipped_bit_costs_its_record_only() {
        let frames = [frame("one"), frame("two"), frame("three")];
        let all = frames.concat();
        let second = frames[0].len()..frames[0].len() + frames[1].len();
        for at in second.clone() {
            for bit in 0..8 {
                let mut bytes = all.clone();
                bytes[at] ^= 1 << bit;
                let (ids, damaged, torn) = read(&bytes);
                assert_eq!(
                    (ids, damaged, torn),
                    (vec!["one".into(), "three".into()], second.len(), false),
                    "byte {at} bit {bit}"
                );
            }
        }
    }

    #[test]
    fn an_incomplete_view_asks_for_more_instead_of_judging() {
        let one = frame("one");
        for cut in 1..one.len() {
            assert!(matches!(step(&one[..cut], false), Step::NeedMore), "cut at {cut}");
        }
    }

    #[test]
    fn an_unknown_version_is_no_record() {
        let frame = Frame { kind: 2, version: 9, payload: b"{}" };
        assert_eq!(frame.record(), None);
        assert_eq!(Frame { kind: 9, version: VERSION, payload: b"{}" }.record(), None);
        assert_eq!(Frame { kind: 2, version: VERSION, payload: b"{" }.record(), None);
    }
}
