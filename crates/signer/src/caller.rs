//! Who asks, and who may.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use http::Extensions;
use tonic::Status;

/// Whom a request comes from; an extension of it, made by whoever serves the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client whose certificate counts.
    LetIn(Client),
    /// One whose certificate does not count any more, though its connection lives; holds why.
    Refused(String),
}

/// A client whose certificate counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Whom its certificate names; `None` when that is nobody.
    pub name: Option<String>,
    /// Where it is.
    pub address: Option<IpAddr>,
}

impl Client {
    /// The client of a request that was let in; one that nothing is known of where none was asked.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        match extensions.get() {
            Some(Caller::LetIn(client)) => client.clone(),
            Some(Caller::Refused(_)) | None => Self::default(),
        }
    }
}

/// As the log names it: `NAME at ADDRESS`.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("nobody"))?;
        match self.address {
            Some(address) => write!(f, " at {address}"),
            None => Ok(()),
        }
    }
}

/// Which of the clients that are let in may do anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// All.
    #[default]
    All,
    /// Those with these names.
    Named(BTreeSet<String>),
}

impl Clients {
    /// Whether whoever sent a request with these extensions may have anything.
    pub(crate) fn admit(&self, extensions: &Extensions) -> Result<(), Status> {
        let client = match extensions.get::<Caller>() {
            Some(Caller::LetIn(client)) => client,
            Some(Caller::Refused(reason)) => {
                tracing::info!(
                    reason,
                    "a call is refused: its client's certificate counts no more"
                );
                return Err(Status::unauthenticated("the client's certificate counts no more"));
            }
            None => return Err(Status::unauthenticated("nothing is known of the client")),
        };
        let named = |names: &BTreeSet<String>| {
            client.name.as_ref().is_some_and(|name| names.contains(name))
        };
        match self {
            Self::All => Ok(()),
            Self::Named(names) if named(names) => Ok(()),
            Self::Named(_) => {
                tracing::warn!(caller = %client, "a call is refused: its client is not on the list");
                Err(Status::permission_denied("this client may not use the signer"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn judged(clients: &Clients, caller: Option<Caller>) -> Result<(), Code> {
        let mut extensions = Extensions::new();
        caller.map(|caller| extensions.insert(caller));
        clients.admit(&extensions).map_err(|status| status.code())
    }

    fn let_in(name: Option<&str>) -> Option<Caller> {
        let client = Client { name: name.map(str::to_owned), ..Client::default() };
        Some(Caller::LetIn(client))
    }

    #[test]
    fn without_a_list_whoever_is_let_in_may_ask() {
        assert_eq!(judged(&Clients::All, let_in(Some("ci"))), Ok(()));
        assert_eq!(judged(&Clients::All, let_in(None)), Ok(()));
        let ended = Some(Caller::Refused("it ended".to_owned()));
        assert_eq!(judged(&Clients::All, ended), Err(Code::Unauthenticated));
        assert_eq!(judged(&Clients::All, None), Err(Code::Unauthenticated));
    }

    #[test]
    fn with_a_list_only_those_on_it_may_ask() {
        let names = ["server".to_owned(), "other".to_owned()];
        let clients = Clients::Named(BTreeSet::from(names));
        assert_eq!(judged(&clients, let_in(Some("server"))), Ok(()));
        for other in [None, Some("Server"), Some("server "), Some("")] {
            assert_eq!(judged(&clients, let_in(other)), Err(Code::PermissionDenied), "{other:?}");
        }
    }
}
