//! What a token claims, once its form is known. Whether it is true, its signature says.
//!
//! Source: server spec 2.3.

use super::members::{BadMembers, Members, Value};

/// The most entries that `access` may have.
const MAX_ENTRIES: usize = 1000;

const KNOWN: [&str; 8] = ["access", "aud", "exp", "iat", "iss", "jti", "nbf", "sub"];
const KNOWN_OF_ENTRY: [&str; 4] = ["actions", "class", "name", "type"];

/// The claims of a token.
#[derive(Clone, Debug)]
pub(super) struct Claims<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) audience: Audience<'a>,
    /// Seconds since 1970; 0 when it is missing.
    pub(super) expires: i64,
    /// Seconds since 1970; 0 when it is missing.
    pub(super) not_before: i64,
    pub(super) access: Vec<Granted>,
}

/// Whom a token is for.
#[derive(Clone, Debug)]
pub(super) enum Audience<'a> {
    One(&'a str),
    /// Notary knows no lists.
    List(Vec<&'a str>),
}

/// One entry of `access`. Its class is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) actions: Vec<String>,
}

impl<'a> Claims<'a> {
    /// Reads the claims of a token.
    pub(super) fn of(value: &'a Value) -> Result<Self, BadMembers> {
        let members = Members::of(value, &KNOWN)?;
        // Read only so that other types are refused, as in Go.
        members.integer("iat")?;
        members.text("jti")?;
        let audience = match members.get("aud") {
            Some(Value::List(_)) => Audience::List(members.texts("aud")?.unwrap_or_default()),
            _ => Audience::One(members.text("aud")?.unwrap_or_default()),
        };
        let entries = members.list("access")?.unwrap_or_default();
        if entries.len() > MAX_ENTRIES {
            return Err(BadMembers::Many { member: "access", most: MAX_ENTRIES });
        }
        Ok(Self {
            issuer: members.text("iss")?.unwrap_or_default(),
            subject: members.text("sub")?.unwrap_or_default(),
            audience,
            expires: members.integer("exp")?.unwrap_or_default(),
            not_before: members.integer("nbf")?.unwrap_or_default(),
            access: entries.iter().map(Granted::of).collect::<Result<_, _>>()?,
        })
    }
}

impl Granted {
    fn of(value: &Value) -> Result<Self, BadMembers> {
        let Value::Object(_) = value else { return Err(BadMembers::Type("access")) };
        let members = Members::of(value, &KNOWN_OF_ENTRY)?;
        members.text("class")?;
        let text = |name| Ok(members.text(name)?.unwrap_or_default().to_owned());
        let actions = members.texts("actions")?.unwrap_or_default();
        Ok(Self {
            kind: text("type")?,
            name: text("name")?,
            actions: actions.into_iter().map(str::to_owned).collect(),
        })
    }
}
