//! A refusal as the client sees it: the challenge and the list of what was missing.
//!
//! Source: server spec 2.2.

use countersign_access::AccessItem;

use super::go_quoted::GoQuoted;

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
    InvalidToken,
    /// No token came.
    NoToken,
}

/// A request that is refused: always 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `None` where no token would help, because none is asked for here.
    pub(crate) challenge: Option<Box<Challenge>>,
    /// What the route demands.
    pub(crate) items: Vec<AccessItem>,
    /// The name that was asked for, where it is no text; the items have it with U+FFFD.
    pub(crate) raw_name: Option<Box<[u8]>>,
    /// Whom the token names that came, if it counts here.
    pub(crate) user: Option<Box<str>>,
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
        let (realm, service) = (GoQuoted(realm.as_bytes()), GoQuoted(service.as_bytes()));
        let scope = self.scope();
        let error = match self.why {
            RefusedWhy::InsufficientScope => ",error=\"insufficient_scope\"",
            RefusedWhy::InvalidToken => ",error=\"invalid_token\"",
            RefusedWhy::NoToken => "",
        };
        format!("Bearer realm={realm},service={service},scope={}{error}", GoQuoted(&scope))
    }

    /// All items are of one resource: its name once, then the actions.
    fn scope(&self) -> Vec<u8> {
        let Some(first) = self.items.first() else { return Vec::new() };
        let name = self.raw_name.as_deref().unwrap_or(first.name.as_bytes());
        let actions: Vec<&str> = self.items.iter().map(|item| item.action).collect();
        [first.kind.as_bytes(), b":", name, b":", actions.join(",").as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, actions: &[&'static str], why: RefusedWhy) -> Refusal {
        let challenge = Some(Box::new(Challenge {
            realm: "https://auth.example/token".to_owned(),
            service: "notary.test".to_owned(),
        }));
        let items = actions.iter().map(|action| AccessItem::repository(name, action)).collect();
        Refusal { challenge, items, raw_name: None, user: None, why, cause: String::new() }
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
