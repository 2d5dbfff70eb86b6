//! The signer that the settings name: its files read, the way to it made, its keys put at home.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_config::sections::signer::{ShownToSigner, Signer};
use countersign_custody::Custody as _;
use countersign_custody::remote::{
    ClientIdentity, KeptBindings, RemoteCustody, SignerAt, SignerLink, SignerTls,
};
use countersign_server::tls::{ShownPair, certificates_in};
use countersign_trust::{Clock as _, SystemClock};

use crate::database::Stores;
use crate::exit::Failure;

/// What is known of a signer before it is asked anything.
#[derive(Debug)]
pub(crate) struct KnownSigner {
    at: SignerAt,
    tls: SignerTls,
}

impl KnownSigner {
    /// The signer of the settings, if they name one, with its files read.
    pub(crate) fn load(signer: &Signer, now: DateTime<Utc>) -> Result<Option<Self>, Failure> {
        let Some(address) = &signer.address else { return Ok(None) };
        let at = SignerAt {
            host: address.host.as_str().to_owned(),
            port: address.port,
            deadline: signer.deadline,
        };
        Ok(Some(Self { at, tls: tls(signer, now)? }))
    }

    /// The keys that it holds. Connects when one is needed.
    pub(super) fn custody(&self, stores: &Stores) -> Result<Arc<RemoteCustody>, Failure> {
        let unusable = |error: countersign_custody::remote::BadAddress| {
            Failure::Usage(format!("signer.address: {error}"))
        };
        let link = SignerLink::new(self.at.clone(), self.tls.clone()).map_err(unusable)?;
        let now = Arc::new(|| SystemClock.now());
        let bindings = Arc::new(KeptBindings::new(stores.key_bindings()));
        Ok(Arc::new(RemoteCustody::new(Arc::new(link), bindings, now)))
    }
}

/// What to tell the operator of a signer that does not answer now.
pub(crate) async fn doubt(custody: &RemoteCustody) -> Option<String> {
    let error = custody.check().await.err()?;
    Some(format!(
        "{error}: what needs its keys is answered 503 until it is there; it is asked again each time"
    ))
}

/// Uses what the files of the settings hold now, on new connections.
pub(crate) fn reread(signer: &Signer, custody: &RemoteCustody, now: DateTime<Utc>) {
    match tls(signer, now) {
        Ok(tls) => {
            custody.renew_tls(tls);
            tracing::info!(signer = %custody.signer(), "certificates for the signer read again");
        }
        Err(error) => tracing::error!(
            %error, "the certificates for the signer cannot be read again; those in use stay"
        ),
    }
}

fn tls(signer: &Signer, now: DateTime<Utc>) -> Result<SignerTls, Failure> {
    let known_by = match signer.ca() {
        Some(path) => certificates_in(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let identity = match signer.shown() {
        Some(ShownToSigner { cert, key }) => {
            let ShownPair { chain, key } = ShownPair::load(cert, key, now)?;
            Some(ClientIdentity { chain, key })
        }
        None => None,
    };
    let source = || match signer.ca() {
        Some(path) => path.display().to_string(),
        None => "the system's authorities".to_owned(),
    };
    SignerTls::new(known_by, identity).map_err(|error| {
        Failure::Usage(format!("{error} ({}): correct signer.ca (--signer-ca)", source()))
    })
}
