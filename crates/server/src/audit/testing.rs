//! An audit log in memory, for tests of whoever is recorded.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_access::audit::{Chain, Identity, Tail, Text};
use serde_json::Value;

use super::*;

/// Keeps records in memory; while it is full, as a file on a full disk.
#[derive(Default)]
pub(crate) struct Kept {
    entries: Mutex<Vec<(DateTime<Utc>, Entry)>>,
    pub(super) full: AtomicBool,
}

impl Kept {
    /// An audit log, and what records into it.
    pub(crate) fn with(refusals_per_second: u32) -> (Arc<Self>, Arc<Audit>) {
        let kept = Arc::new(Self::default());
        let log: Arc<dyn AuditLog> = Arc::<Self>::clone(&kept);
        let clock = Arc::new(countersign_trust::SystemClock);
        let per_second = NonZeroU32::new(refusals_per_second).unwrap();
        (kept, Arc::new(Audit::new(log, clock, per_second)))
    }

    /// The records since the last look, as they are written.
    pub(crate) fn records(&self) -> Vec<Value> {
        let identity =
            Identity { replica: Text::name("one"), process: "a1".to_owned(), version: "0", pid: 1 };
        let now = crate::testing::now();
        let (mut chain, _) = Chain::begin(identity, &Tail::NOTHING, now);
        let entries = std::mem::take(&mut *self.entries.lock().unwrap());
        let line = |(time, entry)| serde_json::from_slice(&chain.seal(time, &entry)).unwrap();
        entries.into_iter().map(line).collect()
    }

    /// The one record since the last look.
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

impl AuditLog for Kept {
    fn keep(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, ()> {
        self.entries.lock().unwrap().push((time, entry));
        Box::pin(std::future::ready(()))
    }

    fn offer(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, Offered> {
        self.entries.lock().unwrap().push((time, entry));
        Box::pin(std::future::ready(Offered::Taken))
    }

    fn trouble(&self) -> Option<String> {
        self.full.load(Ordering::Relaxed).then(|| "no space left".to_owned())
    }

    fn written(&self) -> u64 {
        u64::try_from(self.entries.lock().unwrap().len()).unwrap()
    }
}

/// What a record says of these members; those it has not are null.
pub(crate) fn shown(record: &Value, members: &[&str]) -> Value {
    members.iter().map(|member| record[*member].clone()).collect()
}
