//! A notary-signer that keeps real keys and answers as it is told: well, wrongly, or not at all.
//!
//! What never comes in: what must become of its answers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use countersign_custody::remote::protocol::key_management_server::{
    KeyManagement, KeyManagementServer,
};
use countersign_custody::remote::protocol::signer_server::{Signer, SignerServer};
use countersign_custody::remote::protocol::{
    Algorithm, CreateKeyRequest, GetKeyInfoResponse, KeyId, KeyInfo, PublicKey, Signature,
    SignatureRequest, Void,
};
use countersign_custody::remote::{HEALTH_SERVICES, MAX_MESSAGE_BYTES, caller};
use countersign_forge::key::Key;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_health::server::{HealthReporter, health_reporter};

use super::certs::{Authority, Pair};

/// How it answers from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Honest,
    /// Keys under the ID of another.
    AnothersId,
    /// Another key than the one that is asked for.
    AnotherKey,
    /// Signatures by another key.
    AnotherKeysSignature,
    /// Signatures over another message.
    AnotherMessage,
    /// A new key of the algorithm that was not asked for.
    OtherAlgorithm,
    /// Keys without algorithm and bytes, as Go answers without its database.
    EmptyKey,
    /// Replies with nothing in them.
    EmptyReply,
    /// Key replies without the algorithm.
    NoAlgorithm,
    /// Key replies without the ID.
    NoKeyId,
    /// Bytes that are no key.
    NoPublicKey,
    /// Replies that are longer than the protocol allows.
    Huge,
    /// Each call is held until another manner is set, and then answered in that.
    Silent,
    /// This code for each call.
    Refuses(Code),
    /// `UNAVAILABLE` for so many calls, then as it should.
    AwayFor(u32),
}

/// A call that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method's name.
    pub method: &'static str,
    /// The GUN in its metadata.
    pub gun: String,
    /// The role in its metadata.
    pub role: String,
}

/// A signer on a port of its own; it ends when it is dropped.
#[derive(Debug)]
pub struct HostileSigner {
    port: u16,
    state: Arc<State>,
    serving: JoinHandle<()>,
    health: HealthReporter,
    directory: TempDir,
    client: Pair,
}

#[derive(Debug)]
struct State {
    manner: watch::Sender<Manner>,
    calls: watch::Sender<Vec<Call>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: BTreeMap<String, Held>,
    seeds: u64,
}

#[derive(Clone, Debug)]
struct Held {
    key: Key,
    gun: String,
    role: String,
    signed: bool,
}

impl HostileSigner {
    /// Starts it, honest, on a free port.
    ///
    /// # Errors
    /// No port is free, or no certificate can be made.
    pub async fn start() -> Result<Self> {
        let directory = TempDir::new()?;
        let authority = Authority::create(directory.path(), "the signer's CA")?;
        let (own, client) = (authority.leaf("signer")?, authority.leaf("client")?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            manner: watch::Sender::new(Manner::Honest),
            calls: watch::Sender::new(Vec::new()),
            kept: Mutex::default(),
        });
        let (health, health_service) = health_reporter();
        let services = Services(Arc::clone(&state));
        let most = MAX_MESSAGE_BYTES * 4;
        let routes = Routes::new(health_service)
            .add_service(KeyManagementServer::new(services.clone()).max_encoding_message_size(most))
            .add_service(SignerServer::new(services).max_encoding_message_size(most));
        let read = |path: &Path| std::fs::read_to_string(path);
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(read(&own.certificate)?, read(&own.key)?))
            .client_ca_root(Certificate::from_pem(read(&authority.certificate())?));
        let server = Server::builder().tls_config(tls)?.add_routes(routes);
        // Ends with the handle, which this signer owns.
        let serving = tokio::spawn(async move {
            server.serve_with_incoming(TcpIncoming::from(listener)).await.ok();
        });
        let signer = Self { port, state, serving, health, directory, client };
        signer.serves(tonic_health::ServingStatus::Serving).await;
        Ok(signer)
    }

    /// The port on localhost.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that it is known by.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("signer.crt")
    }

    /// What a client shows it.
    #[must_use]
    pub fn client(&self) -> &Pair {
        &self.client
    }

    /// A server's section `[signer]` for it, reached by `port`.
    #[must_use]
    pub fn settings(&self, port: u16) -> String {
        let shown = |path: &Path| path.display().to_string();
        format!(
            "[signer]\naddress = \"localhost:{port}\"\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
            shown(&self.authority()),
            shown(&self.client.certificate),
            shown(&self.client.key)
        )
    }

    /// Answers in this manner from now on.
    pub fn behave(&self, manner: Manner) {
        self.state.manner.send_replace(manner);
    }

    /// What its health says from now on, for both of its services.
    pub async fn serves(&self, status: tonic_health::ServingStatus) {
        for service in HEALTH_SERVICES {
            self.health.set_service_status(service, status).await;
        }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    /// Waits for one more call than `before`.
    pub async fn called_since(&self, before: usize) {
        // The sender lives as long as this.
        self.state.calls.subscribe().wait_for(|calls| calls.len() > before).await.ok();
    }

    /// How many keys it has.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.state.lock().keys.len()
    }
}

impl Drop for HostileSigner {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, and tells how to answer it.
    async fn manner<T>(
        &self,
        method: &'static str,
        request: &Request<T>,
    ) -> Result<Manner, Status> {
        let metadata = request.metadata();
        let gun = metadata.get_bin(caller::GUN).and_then(|value| value.to_bytes().ok());
        let role = metadata.get(caller::ROLE).and_then(|value| value.to_str().ok());
        let call = Call {
            method,
            gun: String::from_utf8_lossy(&gun.unwrap_or_default()).into_owned(),
            role: role.unwrap_or_default().to_owned(),
        };
        self.calls.send_modify(|calls| calls.push(call));
        let mut manners = self.manner.subscribe();
        let held = manners.wait_for(|manner| *manner != Manner::Silent).await;
        let manner = *held.map_err(|_| Status::unavailable("it ends"))?;
        match manner {
            Manner::Refuses(code) => Err(Status::new(code, "it was told to refuse")),
            Manner::AwayFor(0) => Ok(Manner::Honest),
            Manner::AwayFor(times) => {
                self.manner.send_replace(Manner::AwayFor(times - 1));
                Err(Status::unavailable("away for a moment"))
            }
            other => Ok(other),
        }
    }
}

impl Kept {
    fn new_key(&mut self, algorithm: &str) -> Key {
        self.seeds = self.seeds.wrapping_add(1);
        let seed = self.seeds.to_be_bytes().repeat(4).try_into().unwrap_or([1; 32]);
        if algorithm == "ed25519" { Key::ed25519(seed) } else { Key::ecdsa(seed) }
    }

    fn pending(&mut self, wanted: &CreateKeyRequest) -> Key {
        let fits = |held: &&Held| {
            held.gun == wanted.gun
                && held.role == wanted.role
                && held.key.key_type() == wanted.algorithm
                && !held.signed
        };
        if let Some(held) = self.keys.values().find(fits) {
            return held.key.clone();
        }
        let key = self.new_key(&wanted.algorithm);
        let (gun, role) = (wanted.gun.clone(), wanted.role.clone());
        let held = Held { key: key.clone(), gun, role, signed: false };
        self.keys.insert(key.id(), held);
        key
    }
}

#[derive(Clone, Debug)]
struct Services(Arc<State>);

/// Key and ID as a reply holds them, in this manner.
fn told(manner: Manner, key: &Key, other: &Key) -> (Option<KeyInfo>, Vec<u8>) {
    let key = if manner == Manner::AnotherKey { other } else { key };
    let id = if manner == Manner::AnothersId { other.id() } else { key.id() };
    let mut info = KeyInfo {
        key_id: Some(KeyId { id }),
        algorithm: Some(Algorithm { algorithm: key.key_type().to_owned() }),
    };
    let mut public = key.public().to_vec();
    match manner {
        Manner::NoAlgorithm => info.algorithm = None,
        Manner::NoKeyId => info.key_id = None,
        Manner::NoPublicKey => public.truncate(7),
        Manner::Huge => public.resize(MAX_MESSAGE_BYTES + 1, 0),
        Manner::EmptyKey => {
            info.algorithm = Some(Algorithm::default());
            public.clear();
        }
        Manner::EmptyReply => return (None, Vec::new()),
        _ => {}
    }
    (Some(info), public)
}

#[async_trait]
impl KeyManagement for Services {
    async fn create_key(
        &self,
        request: Request<CreateKeyRequest>,
    ) -> Result<Response<PublicKey>, Status> {
        let manner = self.0.manner("CreateKey", &request).await?;
        let mut wanted = request.into_inner();
        if manner == Manner::OtherAlgorithm {
            let other = if wanted.algorithm == "ecdsa" { "ed25519" } else { "ecdsa" };
            wanted.algorithm = other.to_owned();
        }
        let mut kept = self.0.lock();
        let (key, other) = (kept.pending(&wanted), kept.new_key(&wanted.algorithm));
        let (key_info, public_key) = told(manner, &key, &other);
        Ok(Response::new(PublicKey { key_info, public_key }))
    }

    async fn delete_key(&self, request: Request<KeyId>) -> Result<Response<Void>, Status> {
        self.0.manner("DeleteKey", &request).await?;
        Ok(Response::new(Void {}))
    }

    async fn get_key_info(
        &self,
        request: Request<KeyId>,
    ) -> Result<Response<GetKeyInfoResponse>, Status> {
        let manner = self.0.manner("GetKeyInfo", &request).await?;
        let mut kept = self.0.lock();
        let held = kept.keys.get(&request.into_inner().id).cloned();
        let Held { key, role, .. } = held.ok_or_else(|| Status::not_found("key not found"))?;
        let other = kept.new_key(key.key_type());
        let (key_info, public_key) = told(manner, &key, &other);
        Ok(Response::new(GetKeyInfoResponse { key_info, public_key, role }))
    }
}

#[async_trait]
impl Signer for Services {
    async fn sign(
        &self,
        request: Request<SignatureRequest>,
    ) -> Result<Response<Signature>, Status> {
        let manner = self.0.manner("Sign", &request).await?;
        let SignatureRequest { key_id, content } = request.into_inner();
        let id = key_id.unwrap_or_default().id;
        let mut kept = self.0.lock();
        let held = kept.keys.get_mut(&id).ok_or_else(|| Status::not_found("key not found"))?;
        held.signed = true;
        let key = held.key.clone();
        let other = kept.new_key(key.key_type());
        let content = match manner {
            Manner::AnotherMessage => key.sign(b"another message"),
            Manner::AnotherKeysSignature | Manner::AnotherKey => other.sign(&content),
            Manner::EmptyReply => Vec::new(),
            Manner::Huge => vec![0; MAX_MESSAGE_BYTES + 1],
            _ => key.sign(&content),
        };
        let (key_info, _) = told(manner, &key, &other);
        let algorithm = Some(Algorithm { algorithm: key.method().to_owned() });
        Ok(Response::new(Signature { key_info, algorithm, content }))
    }
}
