//! Whom a request comes from.

/// Whom a request comes from, as far as it has been proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The subject of a token that was verified; `None` without a token, and with one that names
    /// nobody.
    pub token_user: Option<String>,
    /// The name in a client certificate that was verified in the handshake.
    pub certificate: Option<String>,
}

impl Caller {
    /// Nobody in particular.
    pub const ANONYMOUS: Self = Self { token_user: None, certificate: None };

    /// The user: whom the token names, else whom the certificate names; `None` is anonymous.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.token_user.as_deref().or(self.certificate.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_names_the_user_and_the_certificate_where_the_token_does_not() {
        let named = |name: &str| Some(name.to_owned());
        let certificate = Caller { token_user: None, certificate: named("ci") };
        let both = Caller { token_user: named("alice"), ..certificate.clone() };
        assert_eq!(both.user(), Some("alice"));
        assert_eq!(certificate.user(), Some("ci"));
        assert_eq!(Caller::ANONYMOUS.user(), None);
    }
}
