//! Method and path to a [`Route`]: the whole route table in one pure function.
//!
//! A GUN has slashes, and nearly any text is one, so no router that goes by segments can find its
//! end. Source: server spec 1.2 (the table; first match wins, in order), contract section 2.

mod path;

use axum::http::Method;

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The path has a percent sign that begins no escape.
    BadEscape,
    /// Changes of one GUN, or of all.
    Changefeed(Option<Gun>),
    /// Remove a GUN.
    Delete(Gun),
    /// The public key of a role that the server signs.
    GetKey(Gun, ServerRole),
    /// A document.
    GetRole(Gun, DocumentName),
    /// A token, as docker asks for one.
    GetToken,
    /// Health, as Notary has it.
    Health,
    /// Whether the process answers at all.
    Live,
    /// A method that no path has.
    MethodNotAllowed,
    /// What was counted and measured.
    Metrics,
    /// What clients ask first.
    Ping,
    /// A token, as OAuth 2 asks for one.
    PostToken,
    /// Publish a set of metadata.
    Publish(Gun),
    /// Whether this process should get requests.
    Ready,
    /// The path is not clean; holds the clean one, escaped.
    Redirect(String),
    /// A new key for a role that the server signs.
    RotateKey(Gun, ServerRole),
    /// Nothing has this path.
    Unknown,
    /// A route with a GUN that cannot be stored.
    UnusableGun {
        /// The route.
        route: RouteName,
        /// The GUN as sent, which may be no UTF-8.
        gun: Vec<u8>,
        /// What is wrong with the GUN.
        reason: String,
    },
}

/// Which document of a GUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentName {
    /// The one with this digest.
    ByDigest(RoleName, Sha256Digest),
    /// The one with this version.
    ByVersion(RoleName, Version),
    /// The one that counts now.
    Current(RoleName),
    /// A role, version or digest that no stored document can have; asked for in this way.
    Impossible(RouteName),
}

/// The closed set of names that routes have in logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteName {
    Changefeed,
    Delete,
    GetKey,
    GetRole,
    GetRoleByDigest,
    GetRoleByVersion,
    Health,
    Live,
    Metrics,
    Ping,
    Publish,
    Ready,
    RotateKey,
    Token,
    Unknown,
}

impl RouteName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Changefeed => "changefeed",
            Self::Delete => "delete",
            Self::GetKey => "get_key",
            Self::GetRole => "get_role",
            Self::GetRoleByDigest => "get_role_by_digest",
            Self::GetRoleByVersion => "get_role_by_version",
            Self::Health => "health",
            Self::Live => "live",
            Self::Metrics => "metrics",
            Self::Ping => "ping",
            Self::Publish => "publish",
            Self::Ready => "ready",
            Self::RotateKey => "rotate_key",
            Self::Token => "token",
            Self::Unknown => "unknown",
        }
    }
}

impl Route {
    /// The route of a request. `raw_path` is the path as sent, still percent-encoded, without the
    /// query.
    pub(crate) fn parse(method: &Method, raw_path: &str) -> Self {
        if raw_path.len() > MAX_PATH_BYTES {
            return Self::Unknown;
        }
        let Some(decoded) = path::decode(raw_path) else { return Self::BadEscape };
        if !path::is_clean(&decoded) {
            return Self::Redirect(path::encode(&path::clean(&decoded)));
        }
        match Verb::of(method) {
            None => Self::MethodNotAllowed,
            Some(verb) => of_clean_path(verb, &decoded),
        }
    }

    /// The route's name in logs.
    pub(crate) fn name(&self) -> RouteName {
        match self {
            Self::Changefeed(_) => RouteName::Changefeed,
            Self::Delete(_) => RouteName::Delete,
            Self::GetKey(..) => RouteName::GetKey,
            Self::GetRole(_, document) => document.route(),
            Self::GetToken | Self::PostToken => RouteName::Token,
            Self::Health => RouteName::Health,
            Self::Live => RouteName::Live,
            Self::Metrics => RouteName::Metrics,
            Self::Ping => RouteName::Ping,
            Self::Publish(_) => RouteName::Publish,
            Self::Ready => RouteName::Ready,
            Self::RotateKey(..) => RouteName::RotateKey,
            Self::UnusableGun { route, .. } => *route,
            Self::BadEscape | Self::MethodNotAllowed | Self::Redirect(_) | Self::Unknown => {
                RouteName::Unknown
            }
        }
    }

    /// The GUN that the request is about.
    pub(crate) fn gun(&self) -> Option<&Gun> {
        match self {
            Self::Delete(gun)
            | Self::GetKey(gun, _)
            | Self::GetRole(gun, _)
            | Self::Publish(gun)
            | Self::RotateKey(gun, _) => Some(gun),
            Self::Changefeed(gun) => gun.as_ref(),
            Self::BadEscape
            | Self::GetToken
            | Self::Health
            | Self::Live
            | Self::MethodNotAllowed
            | Self::Metrics
            | Self::Ping
            | Self::PostToken
            | Self::Ready
            | Self::Redirect(_)
            | Self::Unknown
            | Self::UnusableGun { .. } => None,
        }
    }

    /// The role that the request is about.
    pub(crate) fn role(&self) -> Option<&str> {
        match self {
            Self::GetKey(_, role) | Self::RotateKey(_, role) => Some(role.as_str()),
            Self::GetRole(_, document) => document.role().map(RoleName::as_str),
            _ => None,
        }
    }
}

impl DocumentName {
    fn role(&self) -> Option<&RoleName> {
        match self {
            Self::ByDigest(role, _) | Self::ByVersion(role, _) | Self::Current(role) => Some(role),
            Self::Impossible(_) => None,
        }
    }

    fn route(&self) -> RouteName {
        match self {
            Self::ByDigest(..) => RouteName::GetRoleByDigest,
            Self::ByVersion(..) => RouteName::GetRoleByVersion,
            Self::Current(_) => RouteName::GetRole,
            Self::Impossible(route) => *route,
        }
    }
}

/// A method that some path has; every other gets 405.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Delete,
    Get,
    Post,
    /// `HEAD` and `PUT`: known, and on no path.
    Unused,
}

impl Verb {
    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::DELETE => Some(Self::Delete),
            Method::GET => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::HEAD | Method::PUT => Some(Self::Unused),
            _ => None,
        }
    }
}

/// The longest path that is looked at: a GUN has up to 1,020 bytes and a role up to 255, all of
/// them perhaps escaped.
const MAX_PATH_BYTES: usize = 8 << 10;

const TUF: &[u8] = b"/_trust/tuf/";

fn of_clean_path(verb: Verb, path: &[u8]) -> Route {
    match (verb, path) {
        (Verb::Get, b"/v2/") => return Route::Ping,
        (Verb::Get, b"/v2/_trust/changefeed") => return Route::Changefeed(None),
        (Verb::Get, b"/_notary_server/health") => return Route::Health,
        (Verb::Get, b"/metrics") => return Route::Metrics,
        (Verb::Get, b"/_countersign/live") => return Route::Live,
        (Verb::Get, b"/_countersign/ready") => return Route::Ready,
        (Verb::Get, b"/token") => return Route::GetToken,
        (Verb::Post, b"/token") => return Route::PostToken,
        _ => {}
    }
    path.strip_prefix(b"/v2/").and_then(|rest| of_gun_path(verb, rest)).unwrap_or(Route::Unknown)
}

/// The rows with a GUN, in the order of the table: a row is tried with every place where the GUN
/// may end, the last place first, before the next row is looked at.
fn of_gun_path(verb: Verb, rest: &[u8]) -> Option<Route> {
    match verb {
        Verb::Get => by_digest(rest)
            .or_else(|| by_version(rest))
            .or_else(|| current(rest))
            .or_else(|| key(rest, RouteName::GetKey, Route::GetKey))
            .or_else(|| {
                let gun = gun_before(rest, b"/_trust/changefeed")?;
                Some(with_gun(gun, RouteName::Changefeed, |gun| Route::Changefeed(Some(gun))))
            }),
        Verb::Post => gun_before(rest, TUF)
            .map(|gun| with_gun(gun, RouteName::Publish, Route::Publish))
            .or_else(|| key(rest, RouteName::RotateKey, Route::RotateKey)),
        Verb::Delete => {
            gun_before(rest, TUF).map(|gun| with_gun(gun, RouteName::Delete, Route::Delete))
        }
        Verb::Unused => None,
    }
}

/// `ROLE.HEX.json`.
fn by_digest(rest: &[u8]) -> Option<Route> {
    let (gun, (role, hex)) = splits(rest).find_map(|(gun, file)| {
        let (role, hex) = split_last(file.strip_suffix(b".json")?, b'.')?;
        let is_hex = matches!(hex.len(), 64 | 96 | 128) && hex.iter().all(u8::is_ascii_hexdigit);
        (is_hex && is_role(role)).then_some((gun, (role, hex)))
    })?;
    let digest = std::str::from_utf8(hex).ok().and_then(Sha256Digest::from_hex);
    let name = role_name(role)
        .zip(digest)
        .map_or(DocumentName::Impossible(RouteName::GetRoleByDigest), |(role, digest)| {
            DocumentName::ByDigest(role, digest)
        });
    Some(with_gun(gun, RouteName::GetRoleByDigest, |gun| Route::GetRole(gun, name)))
}

/// `VERSION.ROLE.json`.
fn by_version(rest: &[u8]) -> Option<Route> {
    let (gun, (digits, role)) = splits(rest).find_map(|(gun, file)| {
        let (digits, role) = split_first(file.strip_suffix(b".json")?, b'.')?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        (is_number && is_role(role)).then_some((gun, (digits, role)))
    })?;
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let name = role_name(role)
        .zip(number.and_then(Version::new))
        .map_or(DocumentName::Impossible(RouteName::GetRoleByVersion), |(role, at)| {
            DocumentName::ByVersion(role, at)
        });
    Some(with_gun(gun, RouteName::GetRoleByVersion, |gun| Route::GetRole(gun, name)))
}

/// `ROLE.json`.
fn current(rest: &[u8]) -> Option<Route> {
    let (gun, role) = splits(rest).find_map(|(gun, file)| {
        let role = file.strip_suffix(b".json")?;
        is_role(role).then_some((gun, role))
    })?;
    let name =
        role_name(role).map_or(DocumentName::Impossible(RouteName::GetRole), DocumentName::Current);
    Some(with_gun(gun, RouteName::GetRole, |gun| Route::GetRole(gun, name)))
}

/// `snapshot.key` and `timestamp.key`.
fn key(rest: &[u8], name: RouteName, route: fn(Gun, ServerRole) -> Route) -> Option<Route> {
    let (gun, role) = splits(rest).find_map(|(gun, file)| match file {
        b"snapshot.key" => Some((gun, ServerRole::Snapshot)),
        b"timestamp.key" => Some((gun, ServerRole::Timestamp)),
        _ => None,
    })?;
    Some(with_gun(gun, name, |gun| route(gun, role)))
}

/// The looser rule that routes have for roles: any segments without blanks below `targets`.
fn is_role(role: &[u8]) -> bool {
    match role {
        b"root" | b"targets" | b"snapshot" | b"timestamp" => true,
        _ => role.strip_prefix(b"targets/").is_some_and(|below| {
            below.split(|byte| *byte == b'/').all(|segment| {
                let blank = |byte: &u8| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ');
                !segment.is_empty() && !segment.iter().any(blank)
            })
        }),
    }
}

fn role_name(role: &[u8]) -> Option<RoleName> {
    RoleName::parse(std::str::from_utf8(role).ok()?).ok()
}

/// Every way to read `GUN/_trust/tuf/FILE`, the longest GUN first.
fn splits(rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    memchr::memrchr_iter(b'/', rest).filter_map(move |at| {
        let (gun, tail) = rest.split_at_checked(at)?;
        let file = tail.strip_prefix(TUF)?;
        is_gun(gun).then_some((gun, file))
    })
}

fn gun_before<'a>(rest: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    rest.strip_suffix(suffix).filter(|gun| is_gun(gun))
}

fn is_gun(gun: &[u8]) -> bool {
    !gun.is_empty() && !gun.contains(&b'*')
}

/// The route for a GUN, or the note that this GUN cannot be stored.
fn with_gun(gun: &[u8], name: RouteName, route: impl FnOnce(Gun) -> Route) -> Route {
    let parsed = std::str::from_utf8(gun)
        .map_err(|_| "a GUN is valid UTF-8".to_owned())
        .and_then(|gun| Gun::parse(gun).map_err(|error| error.to_string()));
    match parsed {
        Ok(gun) => route(gun),
        Err(reason) => Route::UnusableGun { route: name, gun: gun.to_vec(), reason },
    }
}

fn split_first(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == at)?)?;
    rest.split_first().map(|(_, after)| (before, after))
}

fn split_last(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(bytes.iter().rposition(|byte| *byte == at)?)?;
    rest.split_first().map(|(_, after)| (before, after))
}

#[cfg(test)]
mod tests;
