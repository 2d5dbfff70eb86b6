//! The calls of the protocol, each with its answer judged.
//!
//! Source: signer spec 1.1, 1.2 and 1.4.

use std::sync::Arc;
use std::time::Duration;

use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::fault::Fault;
use super::link::{SignerAt, SignerLink};
use super::protocol::key_management_client::KeyManagementClient;
use super::protocol::signer_client::SignerClient;
use super::protocol::{CreateKeyRequest, KeyId as WireKeyId, SignatureRequest};
use super::signer_tls::SignerTls;
use super::{HEALTH_SERVICES, MAX_MESSAGE_BYTES, caller, replies};
use crate::CustodyError;

/// What a message needs beside the content that is to be signed, in bytes, generously.
const AROUND_CONTENT: usize = 1_024;

/// The calls to one signer.
pub(super) struct Calls {
    link: Arc<SignerLink>,
}

impl Calls {
    pub(super) fn over(link: Arc<SignerLink>) -> Self {
        Self { link }
    }

    pub(super) fn signer(&self) -> &SignerAt {
        self.link.at()
    }

    pub(super) fn renew_tls(&self, tls: SignerTls) {
        self.link.renew_tls(tls);
    }

    /// The pending key of this GUN, role and algorithm, made when there is none.
    pub(super) async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        let wanted = CreateKeyRequest {
            algorithm: algorithm.as_str().to_owned(),
            gun: gun.as_str().to_owned(),
            role: role.as_str().to_owned(),
        };
        let made = self.link.call(|channel| {
            let request = for_caller(gun, role, wanted.clone());
            async move { management(channel).create_key(request).await }
        });
        let judged = match made.await {
            Ok(Some(reply)) => replies::made_key(reply, algorithm),
            Ok(None) => Err(Fault::Dishonest("it says that a new key is not found".to_owned())),
            Err(fault) => Err(fault),
        };
        judged.map_err(|fault| fault.of_signer(self.signer()))
    }

    /// The key `id`, if the signer has it for this role.
    pub(super) async fn key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        // A Go signer takes an empty ID for any of its keys.
        if !id.is_well_formed() {
            return Ok(None);
        }
        let asked = self.link.call(|channel| {
            let request = for_caller(gun, role, WireKeyId { id: id.as_str().to_owned() });
            async move { management(channel).get_key_info(request).await }
        });
        let judged = match asked.await {
            Ok(Some(reply)) => replies::known_key(reply, id, role),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault),
        };
        judged.map_err(|fault| fault.of_key(self.signer(), id))
    }

    /// A signature by `key`, verified. `None`: the signer has no such key.
    pub(super) async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        key: &PublicKey,
        message: &[u8],
    ) -> Result<Option<Vec<u8>>, CustodyError> {
        let failed = |fault: Fault| fault.of_key(self.signer(), key.id());
        let most = MAX_MESSAGE_BYTES.saturating_sub(AROUND_CONTENT);
        if message.len() > most {
            return Err(failed(Fault::TooLong { bytes: message.len(), most }));
        }
        let signed = self.link.call(|channel| {
            let request = SignatureRequest {
                key_id: Some(WireKeyId { id: key.id().as_str().to_owned() }),
                content: message.to_vec(),
            };
            let request = for_caller(gun, role, request);
            async move { signing(channel).sign(request).await }
        });
        match signed.await {
            Ok(Some(reply)) => replies::signature(reply, key, message).map(Some).map_err(failed),
            Ok(None) => Ok(None),
            Err(fault) => Err(failed(fault)),
        }
    }

    /// Whether the signer says that it makes keys and signs.
    pub(super) async fn check(&self, within: Duration) -> Result<(), CustodyError> {
        for service in HEALTH_SERVICES {
            let asked = self.link.call_once(within, |channel| async move {
                let service = service.to_owned();
                HealthClient::new(channel).check(HealthCheckRequest { service }).await
            });
            let judged = match asked.await {
                Ok(Some(reply)) if reply.status() == ServingStatus::Serving => continue,
                Ok(Some(reply)) => {
                    Fault::NotServing { service, status: reply.status().as_str_name().to_owned() }
                }
                Ok(None) => Fault::NotServing {
                    service,
                    status: "that it knows no such service".to_owned(),
                },
                Err(fault) => fault,
            };
            return Err(judged.of_signer(self.signer()));
        }
        Ok(())
    }
}

/// A request that says for whom it is: a signer that listens refuses a key of another's.
fn for_caller<T>(gun: &Gun, role: ServerRole, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert_bin(caller::GUN, MetadataValue::from_bytes(gun.as_str().as_bytes()));
    metadata.insert(caller::ROLE, MetadataValue::from_static(role.as_str()));
    request
}

fn management(channel: Channel) -> KeyManagementClient<Channel> {
    KeyManagementClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

fn signing(channel: Channel) -> SignerClient<Channel> {
    SignerClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}
