//! A notary-signer in a process of its own, asked over mutual TLS as a server asks it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use countersign_custody::remote::protocol::key_management_client::KeyManagementClient;
use countersign_custody::remote::protocol::signer_client::SignerClient;
use countersign_custody::remote::protocol::{CreateKeyRequest, KeyId, SignatureRequest};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::process::Process;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::embedded::gun;
use crate::place::Place;

/// A signer with its database, and its keys by their numbers.
pub(crate) struct Signer {
    name: &'static str,
    keys: Vec<KeyId>,
    client: SignerClient<Channel>,
    running: Running,
}

/// The processes that sign: a signer, and the server of its database where it has one.
pub(crate) enum Running {
    /// Notary's.
    Go(Process, Postgres),
    /// Ours.
    Ours(Box<CountersignSigner>, Option<Postgres>),
}

impl Running {
    fn processor_time(&self) -> Result<Duration> {
        let (signer, database) = match self {
            Self::Go(signer, database) => (signer.processor_time()?, Some(database)),
            Self::Ours(signer, database) => (signer.processor_time()?, database.as_ref()),
        };
        let database = database.map(Postgres::processor_time).transpose()?;
        Ok(signer.saturating_add(database.unwrap_or_default()))
    }
}

impl Signer {
    /// Has keys made by the signer that listens on `port`. In `directory` are the certificates of
    /// its authority and of its client.
    pub(crate) async fn ask(
        name: &'static str,
        directory: &Path,
        port: u16,
        running: Running,
        keys: usize,
    ) -> Result<Self> {
        let file = |name: &str| {
            fs::read(directory.join(name)).with_context(|| format!("{name} of the signer's client"))
        };
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(file("ca.crt")?))
            .identity(Identity::from_pem(file("client.crt")?, file("client.key")?))
            .domain_name("localhost");
        let address = format!("https://127.0.0.1:{port}");
        let channel = Endpoint::from_shared(address)?.tls_config(tls)?.connect().await?;
        let mut management = KeyManagementClient::new(channel.clone());
        let mut made = Vec::new();
        for number in 0..keys {
            let wanted = CreateKeyRequest {
                algorithm: "ecdsa".to_owned(),
                gun: gun(number)?.as_str().to_owned(),
                role: "timestamp".to_owned(),
            };
            let key = management.create_key(wanted).await?.into_inner();
            made.push(key.key_info.and_then(|info| info.key_id).context("a key without an ID")?);
        }
        let client = SignerClient::new(channel);
        Ok(Self { name, keys: made, client, running })
    }
}

#[async_trait]
impl Place for Signer {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn sign(&self, number: usize, message: &[u8]) -> Result<()> {
        let key_id = self.keys.get(number).cloned();
        let request = SignatureRequest { key_id, content: message.to_vec() };
        let signature = self.client.clone().sign(request).await?.into_inner();
        ensure!(signature.content.len() == 64, "{}: {signature:?}", self.name);
        Ok(())
    }

    fn spent(&self) -> Result<Duration> {
        self.running.processor_time()
    }
}
