//! Custody over a signer without a server around it, and a server with one.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use countersign_custody::remote::{
    ClientIdentity, RemoteCustody, SignerAt, SignerLink, SignerTls, UnstoredBindings,
};
use countersign_storage::KeyBindings;
use countersign_tests::peers::hostile_signer::HostileSigner;
use countersign_tests::upload;
use countersign_tuf::names::Gun;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How long a call may take here: longer than an honest answer on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A signer, custody over it, and what its keys are bound to.
pub(crate) struct Bench {
    pub(crate) signer: HostileSigner,
    pub(crate) bindings: Arc<UnstoredBindings>,
    pub(crate) custody: RemoteCustody,
}

impl Bench {
    pub(crate) async fn start() -> Result<Self> {
        let signer = HostileSigner::start().await?;
        let bindings = Arc::new(UnstoredBindings::default());
        let custody = custody(&signer, signer.port(), DEADLINE, Arc::clone(&bindings) as Arc<_>)?;
        Ok(Self { signer, bindings, custody })
    }

    /// Custody of another process, which has the same bindings.
    pub(crate) fn another(&self) -> Result<RemoteCustody> {
        let bindings = Arc::clone(&self.bindings) as Arc<_>;
        custody(&self.signer, self.signer.port(), DEADLINE, bindings)
    }
}

/// Custody over `signer` by way of `port`.
pub(crate) fn custody(
    signer: &HostileSigner,
    port: u16,
    deadline: Duration,
    bindings: Arc<dyn KeyBindings>,
) -> Result<RemoteCustody> {
    let known_by = vec![CertificateDer::from_pem_slice(&fs::read(signer.authority())?)?];
    let client = signer.client();
    let identity = ClientIdentity {
        chain: vec![CertificateDer::from_pem_slice(&fs::read(&client.certificate)?)?],
        key: PrivateKeyDer::from_pem_slice(&fs::read(&client.key)?)?,
    };
    let tls = SignerTls::new(known_by, Some(identity))?;
    let at = SignerAt { host: "localhost".to_owned(), port, deadline };
    let link = Arc::new(SignerLink::new(at, tls)?);
    Ok(RemoteCustody::new(link, bindings, Arc::new(upload::now)))
}

pub(crate) fn gun(name: &str) -> Result<Gun> {
    Gun::parse(name).ok().context("a GUN")
}
