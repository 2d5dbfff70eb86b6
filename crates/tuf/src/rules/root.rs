//! May this root follow the current one?
//!
//! Source: server spec 4, steps 1 and 2; TUF specification 5.3.4 and 5.3.5.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::keys::certificate::{Bundle, Dates};
use crate::metadata::{Envelope, Root};
use crate::names::{Gun, RoleName};
use crate::reason::Reason;
use crate::verify::{RoleKeys, Unverified, Verified};

/// Reads the stored root again: signed by its own certificates, which must be valid now. It may
/// have expired.
///
/// # Errors
/// The [`Reason`] why it no longer counts.
pub fn stored_root(gun: &Gun, raw: Bytes, now: DateTime<Utc>) -> Result<Verified<Root>, Reason> {
    verify_succession(gun, None, Unverified::parse(RoleName::Root, raw)?, now)
}

/// A root signed by its own certificates, which must be valid now, and, if there is a `current`
/// one, by those of that. Neither version nor expiry are looked at.
pub(crate) fn verify_succession(
    gun: &Gun,
    current: Option<&Verified<Root>>,
    offered: Unverified<Root>,
    now: DateTime<Utc>,
) -> Result<Verified<Root>, Reason> {
    let own = certificate_keys(gun, &offered.read_untrusted()?, Dates::At(now));
    if own.keys.is_empty() {
        return Err(Reason::NoLeafCertificates);
    }
    if let Some(current) = current {
        let trusted = certificate_keys(gun, current.content(), Dates::Ignored);
        offered.signers(&trusted).map_err(|_| Reason::NotSignedByCurrentRoot)?;
    }
    offered.verify(&own).map_err(|_| Reason::NotSignedByItself)
}

/// Decides whether `offered` may follow `current` (`None`: nothing is stored).
pub(super) fn follow_root(
    gun: &Gun,
    current: Option<&Verified<Root>>,
    offered: &Envelope,
    now: DateTime<Utc>,
) -> Result<Verified<Root>, Reason> {
    check_version(current, offered.claimed_version())?;
    let offered = Unverified::<Root>::new(RoleName::Root, offered.clone())?;
    let root = verify_succession(gun, current, offered, now)?.unexpired(now)?;
    refuse_unreachable_roles(root.content())?;
    Ok(root)
}

/// The version stays or grows by one. A first root may be 1 or 2. One that stays is refused at
/// commit, as a version that is not newer.
fn check_version(current: Option<&Verified<Root>>, offered: i64) -> Result<(), Reason> {
    let current = current.map_or(1, |root| root.version().get());
    if offered == current || offered.checked_sub(1) == Some(current) {
        Ok(())
    } else {
        Err(Reason::RootVersion { current, offered })
    }
}

/// The keys of the root role that are usable certificates for this GUN; all others sign nothing.
fn certificate_keys(gun: &Gun, root: &Root, dates: Dates) -> RoleKeys {
    let listed = root.role_keys(&RoleName::Root);
    let keys: BTreeMap<_, _> = listed
        .keys
        .values()
        .filter_map(|key| Bundle::parse(key.public()))
        .filter(|bundle| bundle.names(gun) && bundle.is_usable(dates))
        .filter_map(|bundle| bundle.to_key())
        .map(|key| (key.id().clone(), key))
        .collect();
    RoleKeys { keys, ..listed }
}

/// A role with fewer distinct keys than its threshold can never be signed: such a root would make
/// the GUN useless for ever (contract section 3; Notary accepts it).
fn refuse_unreachable_roles(root: &Root) -> Result<(), Reason> {
    for role in root.base_roles() {
        let keys = role.distinct_keys();
        if usize::try_from(role.threshold).is_ok_and(|threshold| keys >= threshold) {
            continue;
        }
        return Err(Reason::Unreachable { role: role.role, keys, threshold: role.threshold });
    }
    Ok(())
}
