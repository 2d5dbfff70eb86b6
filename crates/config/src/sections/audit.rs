//! `[audit]`: the file that says who changed what, and who was refused.

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::number::{bytes, count};

/// A tebibyte.
const MAX_BYTES: u64 = 1 << 40;

/// The longest name of a replica, in characters.
const MAX_REPLICA: usize = 256;

/// The section `[audit]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Audit {
    /// The file that a line is appended to for every change and every refusal.
    ///
    /// Default: none, which means that no audit log is written.
    pub file: Option<PathBuf>,
    /// The name of this server in each line. No two servers may have the same.
    ///
    /// Default: the name of the host. 1 to 256 characters without control characters.
    #[serde(deserialize_with = "replica")]
    pub replica: Option<String>,
    /// The size at which the file is renamed and a new one begun.
    ///
    /// Unit: bytes. Default: 0 (never). Range: 0 to 1099511627776 (1 TiB).
    #[serde(deserialize_with = "bytes::<_, 0, MAX_BYTES>")]
    pub max_bytes: u64,
    /// How many renamed files are kept.
    ///
    /// Default: 10. Range: 1 to 10000.
    #[serde(deserialize_with = "count::<_, _, 1, 10_000>")]
    pub keep_files: u32,
    /// Whether each line is on the disk before its request is answered, rather than handed to the
    /// system.
    ///
    /// Default: `false`.
    pub sync: bool,
    /// How many refusals of each kind are written one by one in a second; of more the number is
    /// written.
    ///
    /// Default: 10. Range: 1 to 100000.
    #[serde(deserialize_with = "count::<_, _, 1, 100_000>")]
    pub refusals_per_second: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            file: None,
            replica: None,
            max_bytes: 0,
            keep_files: 10,
            sync: false,
            refusals_per_second: 10,
        }
    }
}

impl Audit {
    pub(crate) fn rebase(&mut self, base: &Path) {
        self.file = self.file.take().map(|path| base.join(path));
    }
}

fn replica<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let length = name.chars().count();
    if length == 0 || length > MAX_REPLICA || name.chars().any(char::is_control) {
        return Err(D::Error::custom(format!(
            "write a name of 1 to {MAX_REPLICA} characters without control characters"
        )));
    }
    Ok(Some(name))
}
