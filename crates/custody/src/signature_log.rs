//! One log line for each signature that is asked for: which key of which GUN and role, who asked,
//! and where the key is. Never what is signed, and never the signature.
//!
//! Who asks is known far from here, so it goes along with the work as a value of its task.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use tokio::task::futures::TaskLocalFuture;

use crate::{Custody, CustodyError, Home, KeySignature};

/// The target of the lines, by which they are found and filtered.
const TARGET: &str = "countersign::signatures";

tokio::task_local! {
    static CALLER: Caller;
}

/// Whom a signature is made for. Shown as a log calls him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(Who);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Server,
    Client { user: Option<Arc<str>>, address: Option<IpAddr> },
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Who::Client { user, address } = &self.0 else { return f.write_str("server") };
        f.write_str(user.as_deref().unwrap_or("anonymous"))?;
        match address {
            Some(address) => write!(f, " ({address})"),
            None => f.write_str(" (unknown address)"),
        }
    }
}

impl Caller {
    /// A client, as far as it is known: who it says it is, and where it asks from.
    #[must_use]
    pub fn client(user: Option<&str>, address: Option<IpAddr>) -> Self {
        Self(Who::Client { user: user.map(Into::into), address })
    }

    /// Whom the present work is done for: the server itself, unless [`Caller::asks`] says
    /// otherwise. A task that is started does not know it: it is to be handed on.
    #[must_use]
    pub fn present() -> Self {
        CALLER.try_with(Self::clone).unwrap_or(Self(Who::Server))
    }

    /// Does `work` for this caller.
    pub fn asks<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CALLER.scope(self, work)
    }
}

/// A custody whose signatures are logged.
pub struct LoggedCustody {
    custody: Arc<dyn Custody>,
    home: Home,
}

impl LoggedCustody {
    /// A custody of the keys in `home`.
    #[must_use]
    pub fn new(home: Home, custody: Arc<dyn Custody>) -> Self {
        Self { custody, home }
    }

    /// The same for one of several homes.
    #[must_use]
    pub fn in_home((home, custody): (Home, Arc<dyn Custody>)) -> (Home, Arc<dyn Custody>) {
        (home, Arc::new(Self::new(home, custody)))
    }

    fn note(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        outcome: &Result<Option<KeySignature>, CustodyError>,
    ) {
        let (gun, role, key_id) = (gun.as_str(), role.as_str(), id.as_str());
        // As text and not as something displayed, so that no name ends a line.
        let (caller, home) = (Caller::present().to_string(), self.home.as_str());
        let caller = caller.as_str();
        match outcome {
            Ok(Some(_)) => {
                tracing::info!(target: TARGET, gun, role, key_id, caller, home, "signed");
            }
            // A key that its publisher holds, or that is elsewhere: whoever asked says what is
            // missing.
            Ok(None) => {
                tracing::debug!(target: TARGET, gun, role, key_id, caller, home, "no such key");
            }
            Err(error) => {
                let error = error.to_string();
                let error = error.as_str();
                tracing::warn!(target: TARGET, gun, role, key_id, caller, home, error, "not signed");
            }
        }
    }
}

#[async_trait]
impl Custody for LoggedCustody {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.custody.pending_key(gun, role, algorithm).await
    }

    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.custody.make_pending(gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.custody.find_pending(gun, role, algorithm).await
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.custody.find_key(gun, role, id).await
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        self.custody.bind(gun, role, id).await
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let outcome = self.custody.sign(gun, role, id, message).await;
        self.note(gun, role, id, &outcome);
        outcome
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let outcome = self.custody.try_out(gun, role, id, message).await;
        self.note(gun, role, id, &outcome);
        outcome
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.custody.check().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_for_the_server_unless_somebody_asks() {
        assert_eq!(Caller::present().to_string(), "server");
        let alice = Caller::client(Some("alice"), "192.0.2.7".parse().ok());
        let within = alice.clone().asks(async { Caller::present() }).await;
        assert_eq!(within, alice);
        assert_eq!(Caller::present().to_string(), "server");
    }

    #[tokio::test]
    async fn a_task_knows_its_caller_once_it_is_handed_on() {
        let alice = Caller::client(Some("alice"), None);
        let handed_on = alice.clone().asks(async {
            let forgotten = tokio::spawn(async { Caller::present() }).await.unwrap();
            let kept = tokio::spawn(Caller::present().asks(async { Caller::present() }));
            (forgotten, kept.await.unwrap())
        });
        let (forgotten, kept) = handed_on.await;
        assert_eq!((forgotten.to_string().as_str(), kept), ("server", alice));
    }
}
