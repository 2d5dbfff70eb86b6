//! Sealed keys, opened for a server: the passphrases are tried on what is stored, and a database
//! that is away is waited for.

use std::sync::Arc;

use countersign_config::sections::pkcs11::Pkcs11;
use countersign_custody::sealed::{
    OpenError, Passphrases, SealedCustody, SealedSettings, follow_check, try_aliases,
};
use countersign_custody::{CustodyError, KeyPlan};
use countersign_trust::{Clock as _, SystemClock};

use super::KnownSigner;
use crate::database::{Place, Stores, TRY_AGAIN};
use crate::exit::Failure;

/// How often the trial is begun before the start goes on without it: where an index is missing, it
/// may need longer than a statement gets.
const TRIALS: usize = 3;

/// What custody is opened from.
pub(crate) struct Opening<'a> {
    /// The databases.
    pub(crate) stores: &'a Stores,
    /// Where the keys are.
    pub(crate) place: &'a Place,
    /// How new rows are sealed.
    pub(crate) settings: SealedSettings,
    /// Where new keys go.
    pub(crate) plan: Arc<KeyPlan>,
    /// The signer that holds keys, if there is one.
    pub(crate) signer: Option<&'a KnownSigner>,
    /// The token that may hold keys.
    pub(crate) pkcs11: &'a Pkcs11,
    /// What opens and seals them.
    pub(crate) passphrases: &'a Arc<Passphrases>,
}

impl Opening<'_> {
    /// Custody, and what the operator should know of its keys.
    pub(super) async fn sealed(&self) -> Result<(SealedCustody, Vec<String>), Failure> {
        let warnings = self.trial().await?;
        self.follow().await?;
        loop {
            let now = Arc::new(|| SystemClock.now());
            let (keys, passphrases) = (self.stores.keys(), Arc::clone(self.passphrases));
            match SealedCustody::open(keys, passphrases, self.settings, now).await {
                Ok(custody) => return Ok((custody, warnings)),
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    /// New keys are sealed with the passphrase that holds.
    async fn follow(&self) -> Result<(), Failure> {
        let moves = self.stores.passphrase_moves();
        loop {
            match follow_check(&*moves, self.passphrases).await {
                Ok(()) => return Ok(()),
                // What is damaged is met again where the check value is opened.
                Err(OpenError::Custody(error @ CustodyError::Other(_))) => {
                    tracing::warn!(
                        %error, "it cannot be seen whether the passphrase of the keys was changed"
                    );
                    return Ok(());
                }
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    async fn trial(&self) -> Result<Vec<String>, Failure> {
        for _ in 0..TRIALS {
            let (aliases, keys) = (self.stores.key_aliases(), self.stores.keys());
            match try_aliases(&*aliases, &*keys, self.passphrases).await {
                Ok(findings) => return Ok(findings.iter().map(ToString::to_string).collect()),
                Err(error) => self.wait_out(error).await?,
            }
        }
        let untried = "the passphrases could not be tried on the keys that are stored; a wrong one \
                       shows when its keys are needed";
        Ok(vec![untried.to_owned()])
    }

    /// Waits a moment where trying again can help.
    pub(super) async fn wait_out(&self, error: OpenError) -> Result<(), Failure> {
        match error {
            OpenError::Custody(CustodyError::Unavailable { reason })
                if self.place.is_waited_for() =>
            {
                tracing::warn!(
                    database = %self.place, reason, "the database is away; trying again"
                );
                tokio::time::sleep(TRY_AGAIN).await;
                Ok(())
            }
            other => Err(Failure::of_custody(other, self.place)),
        }
    }
}
