//! The spool against a model: any interleaving of appends, drains, kills in the middle of a drain, and cuts of the written
//! file leaves each request with exactly one row: as settled where the settlement survived, at its reservation where only
//! that did, none where it was given back.

#![expect(clippy::disallowed_methods, reason = "a test owns its tasks itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::segment::{list, path_of};
use super::{Position, Spool, SpoolOptions, SpoolReader};
use crate::error::StoreErrorKind;
use crate::record::{RequestRecord, Reservation};

#[derive(Debug, Clone)]
enum Op {
    Reserve(u8),
    Settle(u8),
    Void(u8),
    Drain,
    /// Killed when the database has the batch but the spool does not know.
    KillAfterCommit,
    /// Killed with a batch read and not yet in the database.
    KillBeforeCommit,
    /// The machine died: the last bytes never reached the disk.
    Cut(u16),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let id = 0_u8..12;
    let op = prop_oneof![
        6 => id.clone().prop_map(Op::Reserve),
        6 => id.clone().prop_map(Op::Settle),
        1 => id.prop_map(Op::Void),
        3 => Just(Op::Drain),
        1 => Just(Op::KillAfterCommit),
        1 => Just(Op::KillBeforeCommit),
        1 => (0_u16..200).prop_map(Op::Cut),
    ];
    proptest::collection::vec(op, 1..60)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Reserved,
    Settled,
    Voided,
}

/// A database of rows by id, and the position, written together.
#[derive(Default)]
struct Database {
    rows: BTreeMap<String, (i64, u32)>,
    position: Option<Position>,
}

impl Database {
    fn apply(&mut self, records: &[RequestRecord], end: Position) {
        for record in records {
            self.rows.entry(record.id.clone()).or_insert((record.cost_nano, 0)).1 += 1;
        }
        for row in self.rows.values_mut() {
            row.1 = 1;
        }
        self.position = Some(end);
    }
}

struct World<'a> {
    folder: &'a Path,
    spool: Arc<Spool>,
    reader: SpoolReader,
    database: Database,
    /// Whole records on disk: segment, end, id, what.
    log: Vec<(u64, u64, String, What)>,
    /// What recovery has synced cannot be cut.
    floor: (u64, u64),
    generation: u32,
    /// Requests that have ended, whatever the disk forgets later.
    ended: BTreeSet<String>,
    /// What each id is to cost in the end.
    expected: BTreeMap<String, i64>,
}

fn options() -> SpoolOptions {
    SpoolOptions { segment_bytes: 150, headroom_bytes: 100, ..SpoolOptions::default() }
}

impl<'a> World<'a> {
    fn begin(folder: &'a Path) -> Self {
        let spool = Arc::new(Spool::open(folder, &options()).unwrap());
        let reader = SpoolReader::new(Arc::clone(&spool), None).unwrap();
        Self {
            folder,
            spool,
            reader,
            database: Database::default(),
            log: Vec::new(),
            floor: (0, 0),
            generation: 0,
            ended: BTreeSet::new(),
            expected: BTreeMap::new(),
        }
    }

    /// Ids differ by process life: a dead request does not come back.
    fn id(&self, n: u8) -> String {
        format!("req-{}-{n}", self.generation)
    }

    fn has(&self, id: &str, what: What) -> bool {
        self.log.iter().any(|(_, _, logged, logged_what)| logged == id && *logged_what == what)
    }

    fn note(&mut self, id: String, what: What) {
        let (segment, end) = self.spool.appender.end();
        if what != What::Reserved {
            self.ended.insert(id.clone());
        }
        self.log.push((segment, end, id, what));
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Reserve(n) => {
                let id = self.id(*n);
                if !self.has(&id, What::Reserved) {
                    let reservation = Reservation {
                        request_id: id.clone().into(),
                        amount_nano: 2_000 + i64::from(*n),
                        ..Reservation::default()
                    };
                    self.spool.reserve(&reservation).unwrap();
                    self.note(id, What::Reserved);
                }
            }
            Op::Settle(n) | Op::Void(n) => {
                let id = self.id(*n);
                if !self.has(&id, What::Reserved) || self.has(&id, What::Settled) || self.has(&id, What::Voided) {
                    return;
                }
                if matches!(op, Op::Settle(_)) {
                    self.spool
                        .settle(&RequestRecord {
                            id: id.clone(),
                            cost_nano: 1_000 + i64::from(*n),
                            ..RequestRecord::default()
                        })
                        .unwrap();
                    self.note(id, What::Settled);
                } else {
                    self.spool.void(&id).unwrap();
                    self.note(id, What::Voided);
                }
            }
            Op::Drain => while self.drain(true) {},
            Op::KillAfterCommit => {
                self.drain(false);
                self.restart();
            }
            Op::KillBeforeCommit => {
                self.reader.next_batch(3).unwrap();
                self.restart();
            }
            Op::Cut(bytes) => {
                let (segment, length) = self.spool.appender.end();
                let floor = if segment == self.floor.0 { self.floor.1 } else { 0 };
                let kept = length.saturating_sub(u64::from(*bytes)).max(floor);
                OpenOptions::new().write(true).open(path_of(self.folder, segment)).unwrap().set_len(kept).unwrap();
                self.log.retain(|(logged, end, _, _)| *logged != segment || *end <= kept);
                self.restart();
            }
        }
    }

    /// One batch into the database; whether more may come.
    fn drain(&mut self, tell_spool: bool) -> bool {
        let batch = self.reader.next_batch(3).unwrap();
        for record in &batch.settled {
            // A row in the database stays as it is, whatever the disk forgets later.
            self.expected.entry(record.id.clone()).or_insert(record.cost_nano);
        }
        self.database.apply(&batch.settled, batch.end);
        if tell_spool {
            self.reader.committed(&batch).unwrap();
        }
        batch.full
    }

    fn restart(&mut self) {
        let segments = list(self.folder).unwrap();
        let ended: BTreeSet<&String> =
            self.log.iter().filter(|(_, _, _, what)| *what != What::Reserved).map(|(_, _, id, _)| id).collect();
        let settled: BTreeSet<String> = self
            .log
            .iter()
            .filter(|(segment, _, _, what)| *what == What::Settled && segments.contains(segment))
            .map(|(_, _, id, _)| id.clone())
            .collect();
        // A reservation may have gone with its segment only if its request had ended.
        let open: BTreeSet<String> = self
            .log
            .iter()
            .filter(|(segment, _, id, what)| {
                *what == What::Reserved
                    && !ended.contains(id)
                    && (segments.contains(segment) || !self.ended.contains(id))
            })
            .map(|(_, _, id, _)| id.clone())
            .collect();
        for id in &settled {
            let n: i64 = id.rsplit('-').next().unwrap().parse().unwrap();
            let interrupted = self.expected.get(id).copied();
            self.expected.entry(id.clone()).or_insert(interrupted.unwrap_or(1_000 + n));
        }
        self.spool = Arc::new(Spool::open(self.folder, &options()).unwrap());
        assert_eq!(self.spool.recovered().interrupted.iter().cloned().collect::<BTreeSet<_>>(), open);
        assert_eq!(self.spool.recovered().quarantined, 0);
        self.floor = self.spool.appender.end();
        for id in open {
            let n: i64 = id.rsplit('-').next().unwrap().parse().unwrap();
            self.expected.entry(id.clone()).or_insert(2_000 + n);
            self.log.push((self.floor.0, 0, id, What::Settled));
        }
        self.reader = SpoolReader::new(Arc::clone(&self.spool), self.database.position).unwrap();
        self.generation += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn every_request_has_exactly_one_row(ops in ops()) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::begin(folder.path());
        for op in &ops {
            world.step(op);
        }
        world.restart();
        while world.drain(true) {}
        prop_assert_eq!(world.spool.pending(), 0);
        let rows: BTreeMap<String, i64> = world.database.rows.iter().map(|(id, (cost, _))| (id.clone(), *cost)).collect();
        prop_assert_eq!(rows, world.expected);
        prop_assert_eq!(list(folder.path()).unwrap().len(), 1, "drained segments are deleted");
    }
}

#[test]
fn a_damaged_middle_is_quarantined_once_and_costs_its_record_only() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), &options()).unwrap();
    let ids = ["a", "b", "c"];
    let ends: Vec<u64> = ids
        .map(|id| {
            spool.settle(&RequestRecord { id: id.into(), ..RequestRecord::default() }).unwrap();
            spool.appender.end().1
        })
        .to_vec();
    drop(spool);
    let path = path_of(folder.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(ends[0]).unwrap() + 14] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    for (start, quarantined) in [(0, 1), (1, 0)] {
        let spool = Arc::new(Spool::open(folder.path(), &options()).unwrap());
        assert_eq!(spool.recovered().quarantined, quarantined, "start {start}");
        let batch = SpoolReader::new(spool, None).unwrap().next_batch(10).unwrap();
        assert_eq!(batch.settled.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }
    assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 1);
}

#[test]
fn a_full_disk_refuses_new_work_settles_what_runs_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = super::SimulatedDisk::new(20_000);
    let spool = Spool::open(
        folder.path(),
        &SpoolOptions {
            headroom_bytes: 10_000,
            segment_bytes: 1 << 20,
            disk: Some(disk.clone()),
            ..SpoolOptions::default()
        },
    )
    .unwrap();
    let mut running = Vec::new();
    let refused = loop {
        let id = format!("r{}", running.len());
        match spool.reserve(&Reservation {
            request_id: id.clone().into(),
            model: "m".repeat(200).into(),
            ..Reservation::default()
        }) {
            Ok(_) => running.push(id),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), StoreErrorKind::SpoolFull);
    // Headroom settles what runs, as far as it reaches; the rest waits in memory.
    let settle = |id: &String| {
        spool.settle(&RequestRecord {
            id: id.clone(),
            decision: Some("d".repeat(600).into()),
            ..RequestRecord::default()
        })
    };
    let outcomes: Vec<_> = running.iter().map(settle).collect();
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= 5);
    assert!(outcomes.iter().any(Result::is_err), "the disk was to run full here");
    disk.set_free(100);
    spool.maintain();
    assert!(spool.reserve(&Reservation::default()).is_err() && !spool.gauge(0).accepting);
    disk.set_free(1 << 30);
    spool.maintain();
    assert!(spool.gauge(0).accepting);
    spool.reserve(&Reservation { request_id: "after".into(), ..Reservation::default() }).unwrap();
    drop(spool);
    let spool = Arc::new(Spool::open(folder.path(), &SpoolOptions::default()).unwrap());
    assert_eq!(
        (spool.recovered().interrupted.as_slice(), spool.recovered().quarantined, spool.recovered().torn_tails),
        (["after".to_owned()].as_slice(), 0, 0)
    );
    let rows = SpoolReader::new(spool, None).unwrap().next_batch(1000).unwrap().settled;
    assert_eq!(rows.len(), running.len() + 1);
}

#[tokio::test]
async fn full_durability_waits_for_the_sync() {
    let folder = tempfile::tempdir().unwrap();
    let full = SpoolOptions { durability: super::Durability::Full, segment_bytes: 200, ..SpoolOptions::default() };
    let spool = Arc::new(Spool::open(folder.path(), &full).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move {
                let ticket = spool.settle(&RequestRecord { id: format!("r{n}"), ..RequestRecord::default() }).unwrap();
                spool.synced(ticket).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(spool.pending(), 50);
}
