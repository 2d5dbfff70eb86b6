//! Below `/v2/`: what is asked of a GUN.

pub(super) mod changefeed;
pub(super) mod tuf;
