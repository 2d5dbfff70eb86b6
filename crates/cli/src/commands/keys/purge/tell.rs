//! What is said of each key, and at the end.

use std::io::{self, Write};

use countersign_custody::pkcs11::Leftover;
use countersign_storage::RetiredKey;
use serde_json::json;

use super::Fate;
use crate::commands::keys::{Format, shown, time};
use crate::exit::Failure;

/// What is said, and how much of it is not what was asked.
pub(super) struct Report<W> {
    out: W,
    format: Format,
    did: &'static str,
    removed: usize,
    stuck: usize,
}

impl<W: Write> Report<W> {
    /// A report of what was `did`.
    pub(super) fn new(out: W, format: Format, did: &'static str) -> Self {
        Self { out, format, did, removed: 0, stuck: 0 }
    }

    /// What was done, if anything, and why not all.
    fn count<'f>(&mut self, fate: &'f Fate) -> (Option<&'static str>, Option<&'f str>) {
        match fate {
            Fate::Removed => {
                self.removed = self.removed.saturating_add(1);
                (Some(self.did), None)
            }
            Fate::HalfRemoved(why) => {
                self.stuck = self.stuck.saturating_add(1);
                (Some(self.did), Some(why))
            }
            Fate::Left(why) => (None, Some(why)),
            Fate::Stuck(why) => {
                self.stuck = self.stuck.saturating_add(1);
                (None, Some(why))
            }
        }
    }

    /// Of a retired key.
    pub(super) fn tell(&mut self, key: &RetiredKey, fate: &Fate) -> io::Result<()> {
        let RetiredKey { record, retired_at } = key;
        let (done, reason) = self.count(fate);
        if self.format == Format::Json {
            let line = json!({
                "key_id": record.key_id,
                "gun": record.gun,
                "role": record.role,
                "retired_at": retired_at,
                "done": done,
                "reason": reason,
            });
            return writeln!(self.out, "{line}");
        }
        let (id, role, gun) = (&record.key_id, &record.role, shown(&record.gun));
        let since = time(Some(*retired_at), "");
        match (done, reason) {
            (Some(did), None) => {
                writeln!(self.out, "{did}: {id} ({role} key of {gun}, retired {since})")
            }
            (Some(did), Some(why)) => writeln!(
                self.out,
                "{did}: {id} ({role} key of {gun}, retired {since}), but from the token: {}",
                shown(why)
            ),
            (None, why) => {
                let why = shown(why.unwrap_or_default());
                writeln!(self.out, "left as it is: {id} ({role} key of {gun}): {why}")
            }
        }
    }

    /// Of a key that no row names.
    pub(super) fn tell_leftover(&mut self, left: &Leftover, fate: &Fate) -> io::Result<()> {
        let (done, reason) = self.count(fate);
        let (id, Leftover { key_id, gun, role, .. }) = (left.id(), left);
        if self.format == Format::Json {
            let line = json!({
                "key_id": key_id,
                "cka_id": id,
                "gun": gun,
                "role": role,
                "retired_at": null,
                "done": done,
                "reason": reason,
            });
            return writeln!(self.out, "{line}");
        }
        let gun = shown(gun);
        match (done, reason) {
            (Some(did), _) => {
                writeln!(self.out, "{did} from the token: {id} ({role} key of {gun})")
            }
            (None, why) => {
                let why = shown(why.unwrap_or_default());
                writeln!(self.out, "left in the token: {id} ({role} key of {gun}): {why}")
            }
        }
    }

    /// Of a name that no leftover has.
    pub(super) fn tell_not_found(&mut self, id: &str) -> io::Result<()> {
        self.stuck = self.stuck.saturating_add(1);
        let reason = "the token has no such key of ours, or a row names it";
        if self.format == Format::Json {
            let line = json!({"cka_id": id, "done": null, "reason": reason});
            return writeln!(self.out, "{line}");
        }
        writeln!(self.out, "left as it is: {id}: {reason}")
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        let Self { did, removed, stuck, .. } = self;
        if self.format == Format::Text {
            writeln!(self.out, "{did}: {removed} keys").map_err(Failure::Output)?;
        }
        self.out.flush().map_err(Failure::Output)?;
        match stuck {
            0 => Ok(()),
            left => Err(Failure::KeysKept { left, all: left.saturating_add(removed) }),
        }
    }
}
