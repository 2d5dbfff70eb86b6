//! GUNs, role names and versions: parsed once at the edge, correct from then on.
//!
//! Source: server spec 1.2 (routes), 3.6 (role names), contract section 2 (limits).

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest GUN, in characters (Notary's database column).
pub const GUN_MAX_CHARS: usize = 255;

/// The longest role name, in bytes (spec 3.6: below 256).
pub const ROLE_MAX_BYTES: usize = 255;

/// A globally unique name: the name of one trust collection, such as `registry.example/team/app`.
///
/// 1 to 255 characters without control characters. Slashes, colons, dots and everything else that
/// Notary takes are allowed; it is compared byte for byte. Copies share the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gun(Arc<str>);

/// Why a text is no GUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadGun {
    /// A NUL or another control character.
    #[error("a GUN holds no control characters")]
    Control,
    /// No characters at all.
    #[error("a GUN has at least one character")]
    Empty,
    /// More than [`GUN_MAX_CHARS`] characters.
    #[error("a GUN has at most {GUN_MAX_CHARS} characters")]
    TooLong,
}

impl Gun {
    /// Parses a GUN.
    ///
    /// # Errors
    /// [`BadGun`] when it is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, BadGun> {
        if text.is_empty() {
            return Err(BadGun::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(BadGun::Control);
        }
        if text.len() > GUN_MAX_CHARS && text.chars().count() > GUN_MAX_CHARS {
            return Err(BadGun::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The GUN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Gun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a role: one of the four base roles, or a delegation below `targets`.
///
/// Ordered by the number of path segments, then by name: the order in which an update is judged
/// (spec 4, step 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RoleName {
    /// The offline root of trust.
    Root,
    /// The top-level targets role.
    Targets,
    /// Which versions belong together.
    Snapshot,
    /// Freshness; always signed by the server.
    Timestamp,
    /// A role that `targets` or another delegation delegates to.
    Delegation(DelegationName),
}

/// The name of a delegation, such as `targets/releases`. Made by [`RoleName::parse`] only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DelegationName(String);

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a role name: one of root, targets, snapshot, timestamp, or targets/… in a-z 0-9 - _")]
pub struct BadRoleName;

impl RoleName {
    /// Parses a role name by Notary's rule (spec 3.6).
    ///
    /// # Errors
    /// [`BadRoleName`] for everything else.
    pub fn parse(text: &str) -> Result<Self, BadRoleName> {
        match text {
            "root" => Ok(Self::Root),
            "targets" => Ok(Self::Targets),
            "snapshot" => Ok(Self::Snapshot),
            "timestamp" => Ok(Self::Timestamp),
            _ => DelegationName::parse(text).map(Self::Delegation),
        }
    }

    /// The name as text, without `.json`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Delegation(name) => name.as_str(),
        }
    }

    /// The role that delegates to this one: everything before the last slash. `None` for the four
    /// base roles.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::Root | Self::Targets | Self::Snapshot | Self::Timestamp => None,
            Self::Delegation(name) => name.0.rsplit_once('/').map(|(parent, _)| {
                if parent == "targets" {
                    Self::Targets
                } else {
                    Self::Delegation(DelegationName(parent.to_owned()))
                }
            }),
        }
    }

    /// All roles above this one, `targets` first. Empty for the four base roles.
    #[must_use]
    pub fn ancestors(&self) -> Vec<Self> {
        let mut above: Vec<Self> = std::iter::successors(self.parent(), Self::parent).collect();
        above.reverse();
        above
    }
}

impl PartialOrd for RoleName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoleName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let depth = |role: &Self| role.as_str().matches('/').count();
        depth(self).cmp(&depth(other)).then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DelegationName {
    fn parse(text: &str) -> Result<Self, BadRoleName> {
        let segment = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        };
        let below = text.strip_prefix("targets/").ok_or(BadRoleName)?;
        if text.len() > ROLE_MAX_BYTES || !below.split('/').all(segment) {
            return Err(BadRoleName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two roles whose keys the server may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerRole {
    /// Optional: the client may keep this key itself.
    Snapshot,
    /// Always held by the server.
    Timestamp,
}

impl ServerRole {
    /// The role's name.
    #[must_use]
    pub fn name(self) -> RoleName {
        match self {
            Self::Snapshot => RoleName::Snapshot,
            Self::Timestamp => RoleName::Timestamp,
        }
    }

    /// The role's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for ServerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version that can be stored: 1 to 2^31 − 1 (Notary's database column; quirk Q-34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i32);

impl Version {
    /// The first version.
    pub const FIRST: Self = Self(1);

    /// A version from a number; `None` outside 1 to 2^31 − 1.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        i32::try_from(number).ok().filter(|n| *n >= 1).map(Self)
    }

    /// The following version; `None` when there is none left.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The number, as metadata writes it.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }

    /// The number, as the database keeps it.
    #[must_use]
    pub fn as_i32(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_roles_and_delegations_are_roles() {
        for name in ["root", "targets", "snapshot", "timestamp", "targets/a", "targets/a-b_9/c"] {
            assert_eq!(RoleName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn everything_else_is_no_role() {
        let long = format!("targets/{}", "a".repeat(248));
        for name in [
            "",
            "foo",
            "Root",
            "targets/",
            "targets/A",
            "targets//a",
            "targets/a/",
            "targets/.",
            "targets/..",
            "../root",
            "targets/a b",
            "targets/é",
            "root/a",
            "targets/a\0",
            &long,
        ] {
            assert_eq!(RoleName::parse(name), Err(BadRoleName), "{name:?}");
        }
        assert!(RoleName::parse(&format!("targets/{}", "a".repeat(247))).is_ok());
    }

    #[test]
    fn ancestors_come_top_down() {
        let names: Vec<String> = RoleName::parse("targets/a/b")
            .unwrap()
            .ancestors()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["targets", "targets/a"]);
        assert!(RoleName::Root.ancestors().is_empty());
    }

    #[test]
    fn roles_are_ordered_by_depth_then_name() {
        let mut roles: Vec<RoleName> = ["targets/b", "targets/a/z", "targets", "targets/a"]
            .iter()
            .map(|r| RoleName::parse(r).unwrap())
            .collect();
        roles.sort();
        let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        assert_eq!(names, ["targets", "targets/a", "targets/b", "targets/a/z"]);
    }

    #[test]
    fn gun_limits_hold_just_under_and_just_over() {
        assert!(Gun::parse(&"é".repeat(255)).is_ok());
        assert_eq!(Gun::parse(&"é".repeat(256)), Err(BadGun::TooLong));
        assert_eq!(Gun::parse(""), Err(BadGun::Empty));
        assert_eq!(Gun::parse("a\u{7f}b"), Err(BadGun::Control));
        assert!(Gun::parse("127.0.0.1:5000/a/b_c.d").is_ok());
    }

    #[test]
    fn versions_are_31_bits_and_start_at_one() {
        assert_eq!(Version::new(0), None);
        assert_eq!(Version::new(-1), None);
        assert_eq!(Version::new(1 << 31), None);
        let last = Version::new((1 << 31) - 1).unwrap();
        assert_eq!(last.next(), None);
        assert_eq!(Version::FIRST.next(), Version::new(2));
    }

    proptest! {
        #[test]
        fn a_parsed_role_name_prints_as_it_came(text in "[a-z/._-]{0,40}") {
            if let Ok(role) = RoleName::parse(&text) {
                prop_assert_eq!(role.as_str(), text);
            }
        }
    }
}
