//! How much a server may make a client fetch and keep.

/// Bounds of one refresh. Each is checked before the bytes are parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many roots may follow the first one in one refresh.
    pub root_updates: usize,
    /// How many delegations are judged.
    pub delegations: usize,
    /// The longest root, in bytes.
    pub root_bytes: usize,
    /// The longest timestamp, in bytes.
    pub timestamp_bytes: usize,
    /// The longest snapshot, in bytes.
    pub snapshot_bytes: usize,
    /// The longest targets document or delegation, in bytes.
    pub targets_bytes: usize,
    /// Targets and all delegations together, in bytes.
    pub targets_total_bytes: usize,
}

const MIB: usize = 1024 * 1024;

/// As much as one publish may hold; 1,000 roots and 1,000 delegations.
impl Default for Limits {
    fn default() -> Self {
        Self {
            root_updates: 1000,
            delegations: 1000,
            root_bytes: 10 * MIB,
            timestamp_bytes: MIB,
            snapshot_bytes: 10 * MIB,
            targets_bytes: 10 * MIB,
            targets_total_bytes: 100 * MIB,
        }
    }
}
