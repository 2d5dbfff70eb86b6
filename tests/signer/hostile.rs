//! What a client with a certificate that counts can send: nothing ends the signer, takes its memory,
//! or keeps others from it, and nothing is signed that was not asked for.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use countersign_custody::remote::protocol::{
    CreateKeyRequest, PublicKey, Signature, SignatureRequest,
};
use countersign_tests::grpc::{call, connect, stalled};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use prost::Message as _;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use tonic::transport::Channel;

const CREATE: &str = "/proto.KeyManagement/CreateKey";
const SIGN: &str = "/proto.Signer/Sign";
const METHODS: [&str; 5] = [
    CREATE,
    SIGN,
    "/proto.KeyManagement/GetKeyInfo",
    "/proto.KeyManagement/DeleteKey",
    "/grpc.health.v1.Health/Check",
];

/// The most memory that the signer may have in use for any of this, in KiB.
const MOST_KIB: u64 = 400 << 10;

/// A signer, a client of it, and a key that has not signed.
struct Scene {
    signer: CountersignSigner,
    channel: Channel,
    pending: Vec<u8>,
}

impl Scene {
    async fn start() -> Result<Self> {
        let signer = CountersignSigner::start().await?;
        let channel = channel(&signer).await?;
        let pending = pending(&channel).await?;
        Ok(Self { signer, channel, pending })
    }

    fn signature(&self, content: &[u8]) -> Result<Vec<u8>> {
        let key = PublicKey::decode(self.pending.as_slice())?.key_info;
        let key_id = key.and_then(|info| info.key_id);
        Ok(SignatureRequest { key_id, content: content.to_vec() }.encode_to_vec())
    }

    /// It runs, answers, has signed nothing, and took no more memory than it may.
    async fn is_well(&mut self) -> Result<()> {
        ensure!(pending(&self.channel).await? == self.pending, "something was signed");
        let log = self.signer.log();
        ensure!(!log.contains("countersign::signatures") && !log.contains("panicked"), "{log}");
        let peak = self.signer.peak_memory_kib()?;
        ensure!(peak < MOST_KIB, "it took {peak} KiB");
        self.signer.still_runs()
    }
}

async fn channel(signer: &CountersignSigner) -> Result<Channel> {
    let ca = signer.authority().certificate();
    connect(signer.port(), &ca, Some(&signer.client())).await
}

async fn pending(channel: &Channel) -> Result<Vec<u8>> {
    let wanted = CreateKeyRequest {
        algorithm: "ecdsa".to_owned(),
        gun: "registry.example/app".to_owned(),
        role: "timestamp".to_owned(),
    };
    Ok(call(channel, CREATE, wanted.encode_to_vec()).await?)
}

/// A connection that shows the client's certificate and says what a test says.
async fn raw(signer: &CountersignSigner) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(signer.authority().certificate())?)?;
    let pair = signer.client();
    let chain = vec![CertificateDer::from_pem_file(&pair.certificate)?];
    let key = PrivateKeyDer::from_pem_slice(&fs::read(&pair.key)?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", signer.port())).await?;
    let name = ServerName::try_from("localhost")?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

#[tokio::test]
async fn messages_of_random_bytes_are_refused_and_sign_nothing() -> Result<()> {
    let mut scene = Scene::start().await?;
    let mut random = StdRng::seed_from_u64(8);
    for turn in 0..1_000 {
        let mut message = vec![0; random.random_range(0..300)];
        random.fill_bytes(&mut message);
        if turn % 2 == 0 {
            // Near misses: a good message with a byte or two changed.
            message = scene.signature(b"content")?;
            for _ in 0..random.random_range(1..3) {
                // The key's ID and what frames it; another content would be signed rightly.
                let at = random.random_range(0..68);
                message[at] = message[at].wrapping_add(random.random_range(1..=255));
            }
        }
        let path = METHODS[random.random_range(0..METHODS.len())];
        // What comes of it depends on the bytes; that nothing was signed is looked at below.
        call(&scene.channel, path, message).await.ok();
    }
    scene.is_well().await
}

#[tokio::test]
async fn frames_of_random_bytes_end_their_connection_and_nothing_else() -> Result<()> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut scene = Scene::start().await?;
    let mut random = StdRng::seed_from_u64(9);
    for turn in 0..100 {
        let mut stream = raw(&scene.signer).await?;
        let mut bytes = vec![0; random.random_range(1..20_000)];
        random.fill_bytes(&mut bytes);
        let begin: &[u8] = if turn % 2 == 0 { PREFACE } else { b"" };
        // It may have closed before all is written.
        stream.write_all(begin).await.ok();
        stream.write_all(&bytes).await.ok();
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
    }
    scene.is_well().await
}

#[tokio::test]
async fn messages_that_are_too_long_are_refused_whatever_their_number() -> Result<()> {
    let mut scene = Scene::start().await?;
    let long = scene.signature(&vec![b'a'; 5 << 20])?;
    let mut all = JoinSet::new();
    for _ in 0..6 {
        let channel = channel(&scene.signer).await?;
        // A connection with very many such messages is closed.
        for _ in 0..30 {
            let (channel, long) = (channel.clone(), long.clone());
            all.spawn(async move { call(&channel, SIGN, long).await });
        }
    }
    while let Some(refused) = all.join_next().await {
        let refused = refused?.err().context("not refused")?;
        ensure!(refused.code() == Code::ResourceExhausted, "{refused:?}");
    }
    scene.is_well().await
}

#[tokio::test]
async fn messages_that_stop_in_the_middle_keep_nobody_waiting() -> Result<()> {
    let mut scene = Scene::start().await?;
    let begun = scene.signature(&vec![b'a'; 1 << 20])?;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let channel = channel(&scene.signer).await?;
        for _ in 0..40 {
            let (channel, begun) = (channel.clone(), begun.clone());
            all.spawn(async move { stalled(&channel, SIGN, &begun).await });
        }
    }
    scene.is_well().await?;
    all.shutdown().await;
    scene.is_well().await
}

#[tokio::test]
async fn a_thousand_signatures_at_once_are_all_made() -> Result<()> {
    let mut scene = Scene::start().await?;
    let mut all = JoinSet::new();
    for number in 0_u32..1_000 {
        let (channel, wanted) = (scene.channel.clone(), scene.signature(&number.to_be_bytes())?);
        all.spawn(async move { call(&channel, SIGN, wanted).await });
    }
    while let Some(signed) = all.join_next().await {
        let signed = Signature::decode(signed??.as_slice())?;
        ensure!(signed.content.len() == 64, "{signed:?}");
    }
    let lines = scene.signer.log().matches("countersign::signatures").count();
    ensure!(lines == 1_000, "{lines} lines");
    ensure!(scene.signer.peak_memory_kib()? < MOST_KIB);
    scene.signer.still_runs()
}
