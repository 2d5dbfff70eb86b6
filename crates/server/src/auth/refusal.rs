//! A refusal as the client sees it: the challenge and the list of what was missing.
//!
//! Source: server spec 2.2.

use std::fmt::{self, Write as _};

use countersign_access::AccessItem;

/// Where a client gets the token that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The URL of the token service.
    pub(crate) realm: String,
    /// The audience that the token must be for.
    pub(crate) service: String,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusedWhy {
    /// The token, or the rules, do not allow it.
    InsufficientScope,
    /// What came is no token that counts here.
    #[cfg_attr(not(test), expect(dead_code, reason = "said once tokens are read"))]
    InvalidToken,
    /// No token came.
    #[cfg_attr(not(test), expect(dead_code, reason = "said once tokens are read"))]
    NoToken,
}

/// A request that is refused: always 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `None` where no token would help, because none is asked for here.
    pub(crate) challenge: Option<Challenge>,
    /// What the route demands.
    pub(crate) items: Vec<AccessItem>,
    /// What the client is told.
    pub(crate) why: RefusedWhy,
    /// What the operator is told.
    pub(crate) cause: String,
}

impl Refusal {
    /// The value of `WWW-Authenticate`.
    pub(crate) fn header(&self) -> Option<String> {
        self.challenge.as_ref().map(|challenge| self.challenge_header(challenge))
    }

    fn challenge_header(&self, Challenge { realm, service }: &Challenge) -> String {
        let (realm, service) = (GoQuoted(realm), GoQuoted(service));
        let scope = self.scope();
        let error = match self.why {
            RefusedWhy::InsufficientScope => ",error=\"insufficient_scope\"",
            RefusedWhy::InvalidToken => ",error=\"invalid_token\"",
            RefusedWhy::NoToken => "",
        };
        format!("Bearer realm={realm},service={service},scope={}{error}", GoQuoted(&scope))
    }

    /// All items are of one resource: its name once, then the actions.
    fn scope(&self) -> String {
        let mut scope = String::new();
        for item in &self.items {
            if scope.is_empty() {
                scope = format!("{}:{}:{}", item.kind, item.name, item.action);
            } else {
                scope.push(',');
                scope.push_str(item.action);
            }
        }
        scope
    }
}

/// Text as Go's `%q` writes it: printable characters as they are, so that no name can end the
/// quotes or the header.
struct GoQuoted<'a>(&'a str);

impl fmt::Display for GoQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{b}' => f.write_str("\\v")?,
                '\u{c}' => f.write_str("\\f")?,
                control if control.is_control() => match u32::from(control) {
                    code @ 0..=0x7f => write!(f, "\\x{code:02x}")?,
                    code => write!(f, "\\u{code:04x}")?,
                },
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, actions: &[&'static str], why: RefusedWhy) -> Refusal {
        let challenge = Some(Challenge {
            realm: "https://auth.example/token".to_owned(),
            service: "notary.test".to_owned(),
        });
        let items = actions.iter().map(|action| AccessItem::repository(name, action)).collect();
        Refusal { challenge, items, why, cause: String::new() }
    }

    /// Observed on the Go server.
    #[test]
    fn the_challenge_is_written_as_notary_writes_it() {
        assert_eq!(
            refusal("example.com/a", &["push", "pull"], RefusedWhy::NoToken).header().unwrap(),
            "Bearer realm=\"https://auth.example/token\",service=\"notary.test\",\
             scope=\"repository:example.com/a:push,pull\""
        );
        let header = refusal("a", &["*"], RefusedWhy::InsufficientScope).header().unwrap();
        assert!(header.ends_with(",scope=\"repository:a:*\",error=\"insufficient_scope\""));
        let header = refusal("a", &["*"], RefusedWhy::InvalidToken).header().unwrap();
        assert!(header.ends_with(",error=\"invalid_token\""));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let header = refusal("a\"\r\n\\\u{1}é", &["pull"], RefusedWhy::NoToken).header().unwrap();
        assert!(header.ends_with(r#"scope="repository:a\"\r\n\\\x01é:pull""#), "{header}");
    }
}
