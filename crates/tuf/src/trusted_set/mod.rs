//! What a client believes: the documents of one GUN that follow from each other, and nothing else.
//!
//! A pure state machine. Bytes go in, one method per role; the next state comes out, or an
//! [`Attack`] that says what these bytes would have been. Nothing in here fetches, stores or reads
//! a clock: a state says what it wants next, and the time of a refresh is given when it begins.
//!
//! 1. [`RootChain`]: a first root (pinned by the GUN in its certificates), then each next version,
//!    signed by the one before and by itself. One in the middle may have expired, the last not.
//! 2. [`TrustedTimestamp`]: signed under the last root; says which snapshot is current.
//! 3. [`TrustedSnapshot`]: the bytes that the timestamp names; names the root by its bytes too.
//! 4. [`Delegations`]: targets, then every delegation, parents first and in the order in which
//!    they are listed. One that has expired or is not signed by enough keys of its role is
//!    skipped, with the reason; its names are not listed.
//! 5. [`TrustedSet`]: complete; lists and looks up names.
//!
//! Where it differs from Notary's client: roots are followed one version at a time; a stated
//! length must be exact; a delegation without signatures, or whose key is listed under a false ID
//! or in a weak certificate, is skipped, where Notary's client gives up.
//!
//! No state is changed by bytes that are refused. Every state can begin the next refresh, and
//! from then on no document may be older than the one it had.
//!
//! Source: server spec 8.2; TUF specification 5.3 to 5.6.

mod attack;
mod complete;
mod delegations;
mod ground;
mod limits;
mod paths;
mod roots;
mod snapshot;
mod timestamp;

pub use attack::{Attack, Mismatch};
pub use complete::{Found, Skipped, TrustedSet};
pub use delegations::{Delegations, WantedDelegation};
pub use limits::Limits;
pub use roots::RootChain;
pub use snapshot::TrustedSnapshot;
pub use timestamp::TrustedTimestamp;
