//! What was moved, what was not, and why.

use std::collections::BTreeMap;

use countersign_custody::sealed::KeyFlaw;

/// What an import has done; of one that moves nothing, what it would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether it was ended before its end.
    pub interrupted: bool,
    /// GUNs that the target has now and had not.
    pub guns_new: u64,
    /// GUNs of which the target had something, and has more or other things now.
    pub guns_updated: u64,
    /// GUNs that the target had as they are.
    pub guns_unchanged: u64,
    /// GUNs that were taken out of the target, because the source has them no more.
    pub guns_removed: u64,
    /// Versions that were moved.
    pub versions: u64,
    /// Their bytes.
    pub size_bytes: u64,
    /// GUNs that do not verify and were not moved, with the reasons.
    pub left_out: BTreeMap<String, Vec<String>>,
    /// Damaged rows that were not moved, of GUNs that verify without them.
    pub damaged: BTreeMap<String, Vec<String>>,
    /// What owners of GUNs should know.
    pub notes: BTreeMap<String, Vec<String>>,
    /// Keys that were moved, or moved again because their rows changed.
    pub keys: u64,
    /// Keys that the target had as they are.
    pub keys_unchanged: u64,
    /// Keys that were taken out of the target, because they were deleted in the source.
    pub keys_removed: u64,
    /// Old keys that named no GUN or role and do now.
    pub keys_bound: u64,
    /// Keys that no current root names: pending ones and replaced ones. They were moved.
    pub keys_unnamed: u64,
    /// Keys that cannot sign as they are. They were moved all the same, where their rows can be
    /// read.
    pub key_troubles: Vec<KeyTrouble>,
    /// Keys of a signer of which the target knows now for whom they are, or when they last signed.
    pub signer_keys: u64,
    /// Keys of a signer of which the target knew that.
    pub signer_keys_unchanged: u64,
    /// Rows of the changefeed that were moved.
    pub changes: u64,
    /// The numbers of rows of the changefeed that cannot be read and were not moved.
    pub changes_left_out: Vec<String>,
}

/// A key that cannot sign as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTrouble {
    /// Its ID, as stored.
    pub key_id: String,
    /// Its GUN, as stored; empty in old rows.
    pub gun: String,
    /// Its role, as stored; empty in old rows.
    pub role: String,
    /// What is wrong.
    pub flaw: KeyFlaw,
}

impl Account {
    /// Whether all that the source holds has been moved and can be used.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.interrupted
            && self.left_out.is_empty()
            && self.damaged.is_empty()
            && self.key_troubles.is_empty()
            && self.changes_left_out.is_empty()
    }

    pub(super) fn forget(&mut self, gun: &str) {
        self.left_out.remove(gun);
        self.damaged.remove(gun);
        self.notes.remove(gun);
    }
}

/// One more.
pub(super) fn count(place: &mut u64) {
    *place = place.saturating_add(1);
}
