//! Who holds the server's keys, opened for a server: every home that the settings have.
//!
//! To add a home: open it in a file of its own, and put it beside the others in [`Opening::open`].

mod following;
mod late;
mod remote;
mod sealed;
pub(crate) mod token;

use std::sync::Arc;

use countersign_custody::pkcs11::{Token, TokenCustody};
use countersign_custody::remote::RemoteCustody;
use countersign_custody::signature_log::LoggedCustody;
use countersign_custody::{Custody, CustodyError, Home, HomesById, KeyHomes, KeysById};
use countersign_trust::{Clock as _, SystemClock};

use crate::exit::Failure;
pub(crate) use following::Following;
use late::LateSealed;
pub(crate) use remote::{KnownSigner, reread as reread_signer_tls};
pub(crate) use sealed::Opening;
use token::OpenedToken;

type Homes = Vec<(Home, Arc<dyn Custody>)>;

/// Custody that was opened, and what the operator should know of it.
pub(crate) struct Opened {
    /// Who holds the keys.
    pub(crate) custody: Arc<KeyHomes>,
    /// The signer among them, if there is one.
    pub(crate) signer: Option<Arc<RemoteCustody>>,
    /// The token among them, if there is one.
    pub(crate) token: Option<Token>,
    /// One line each.
    pub(crate) warnings: Vec<String>,
    /// What is to run beside whoever serves with it.
    pub(crate) following: Following,
}

/// The same for a signer.
pub(crate) struct OpenedForOthers {
    /// The keys.
    pub(crate) keys: Arc<dyn KeysById>,
    /// One line each.
    pub(crate) warnings: Vec<String>,
    /// What is to run beside whoever signs with it.
    pub(crate) following: Following,
}

impl Opening<'_> {
    /// Custody as the settings want it. Sealed keys are at home wherever new ones go, since roots
    /// may name them; where there are none yet, they are opened once there are.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        let (mut homes, mut warnings) = (Homes::new(), Vec::new());
        // Before the database is waited for: what is wrong with the token is said at once.
        let opened = token::open(self.pkcs11).await?;
        let token = opened.as_ref().map(|opened| opened.token.clone());
        if let Some(OpenedToken { token, warning }) = opened {
            homes.push((Home::Token, Arc::new(self.in_token(token))));
            warnings.extend(warning);
        }
        let signer = self.signer.map(|known| known.custody(self.stores)).transpose()?;
        if let Some(signer) = &signer {
            warnings.extend(remote::doubt(signer).await);
            homes.push((Home::Remote, Arc::clone(signer) as Arc<_>));
        }
        let following = if self.seals().await? {
            let (sealed, said) = self.sealed().await?;
            warnings.extend(said);
            let sealed = Arc::new(sealed);
            homes.push((Home::Sealed, Arc::clone(&sealed) as Arc<_>));
            Following::new(self.stores, sealed, self.passphrases)
        } else {
            let (late, shows) = LateSealed::new(self.stores, self.passphrases, self.settings);
            homes.push((Home::Sealed, Arc::new(late)));
            Following::once_opened(self.stores, shows, self.passphrases)
        };
        let homes = homes.into_iter().map(LoggedCustody::in_home).collect();
        let custody = KeyHomes::new(Arc::clone(&self.plan), homes)
            .map_err(|missing| Failure::Usage(missing.to_string()))?;
        Ok(Opened { custody: Arc::new(custody), signer, token, warnings, following })
    }

    /// Whether there are sealed keys, or may be some. Servers whose keys are all at a signer need
    /// not share a passphrase.
    async fn seals(&self) -> Result<bool, Failure> {
        if self.signer.is_none() || self.plan.homes().any(|home| home == Home::Sealed) {
            return Ok(true);
        }
        loop {
            match self.stores.keys().passphrase_check().await.map_err(CustodyError::from) {
                Ok(check) => return Ok(check.is_some()),
                Err(error) => self.wait_out(error.into()).await?,
            }
        }
    }

    /// What a signer makes and uses for others.
    pub(crate) async fn open_for_others(&self) -> Result<OpenedForOthers, Failure> {
        let token = token::open(self.pkcs11).await?;
        let (sealed, mut warnings) = self.sealed().await?;
        let sealed = Arc::new(sealed);
        let mut homes: Vec<(Home, Arc<dyn KeysById>)> =
            vec![(Home::Sealed, Arc::clone(&sealed) as Arc<_>)];
        let following = Following::new(self.stores, sealed, self.passphrases);
        if let Some(OpenedToken { token, warning }) = token {
            homes.push((Home::Token, Arc::new(self.in_token(token))));
            warnings.extend(warning);
        }
        let keys = HomesById::new(Arc::clone(&self.plan), homes)
            .map_err(|missing| Failure::Usage(missing.to_string()))?;
        Ok(OpenedForOthers { keys: Arc::new(keys), warnings, following })
    }

    /// The keys in the token.
    fn in_token(&self, token: Token) -> TokenCustody {
        let (keys, now) = (self.stores.keys(), Arc::new(|| SystemClock.now()));
        TokenCustody::new(keys, token, self.settings, now)
    }
}
