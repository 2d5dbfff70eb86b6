//! `KeyManagement`: makes keys, and tells of them.
//!
//! Source: signer spec 1.2, 1.3 and 3.5.

use std::sync::Arc;

use countersign_custody::remote::protocol::{
    self, Algorithm, CreateKeyRequest, GetKeyInfoResponse, KeyInfo, PublicKey, Void,
    key_management_server as server,
};
use countersign_tuf::keys::{self, ServerKeyAlgorithm};
use tonic::{Request, Response, Status};

use crate::caller::Client;
use crate::key_id;
use crate::purpose::{Purpose, parsed_gun, parsed_role};
use crate::refusal::{self, During};
use crate::signer::{Signer, WithoutGun};

/// The service.
pub(crate) struct KeyManagement(pub(crate) Arc<Signer>);

#[tonic::async_trait]
impl server::KeyManagement for KeyManagement {
    async fn create_key(
        &self,
        request: Request<CreateKeyRequest>,
    ) -> Result<Response<PublicKey>, Status> {
        let client = Client::of(request.extensions());
        let CreateKeyRequest { algorithm, gun, role } = request.into_inner();
        let algorithm =
            ServerKeyAlgorithm::parse(&algorithm).ok_or_else(|| refusal::algorithm(&algorithm))?;
        let (gun, role) = (parsed_gun(&gun)?, parsed_role(&role)?);
        let key = self
            .0
            .keys()?
            .pending_key(&gun, role, algorithm)
            .await
            .map_err(|error| refusal::of_custody(&error, During::Creation))?;
        tracing::debug!(%gun, %role, key_id = %key.id(), caller = %client, "gave out a pending key");
        let key_info = Some(info(&key));
        Ok(Response::new(PublicKey { key_info, public_key: key.public().to_vec() }))
    }

    async fn delete_key(
        &self,
        request: Request<protocol::KeyId>,
    ) -> Result<Response<Void>, Status> {
        let client = Client::of(request.extensions());
        let id = key_id::parsed(request.get_ref())?;
        // Whose key it is, it does not say in this protocol; so nobody may where that must be said.
        if self.0.terms().without_gun == WithoutGun::Refused {
            return Err(refusal::without_gun());
        }
        let found = self.0.retirement()?.retire(&id).await;
        let found = found.map_err(|error| refusal::of_custody(&error, During::Deletion(&id)))?;
        if found {
            self.0.keys()?.forget(&id);
            tracing::warn!(key_id = %id, caller = %client, "a key was deleted");
        }
        Ok(Response::new(Void {}))
    }

    async fn get_key_info(
        &self,
        request: Request<protocol::KeyId>,
    ) -> Result<Response<GetKeyInfoResponse>, Status> {
        let purpose = Purpose::of(request.metadata())?;
        let id = key_id::parsed(request.get_ref())?;
        if purpose.is_none() && self.0.terms().without_gun == WithoutGun::Refused {
            return Err(refusal::without_gun());
        }
        let found = self.0.keys()?.key_by_id(&id).await;
        let found = found.map_err(|error| refusal::of_custody(&error, During::Look(&id)))?;
        let known = found.ok_or_else(|| refusal::no_key(&id))?;
        if let Some(purpose) = purpose {
            let wanted = purpose.as_ref();
            // A key that names no GUN is told of to whoever asks; its first signature binds it.
            if !wanted.is_of(&known.gun, &known.role) && !wanted.may_bind(&known.gun, &known.role) {
                let (gun, role) = (wanted.gun, wanted.role);
                tracing::warn!(
                    key_id = %id, %gun, %role, caller = %Client::of(request.extensions()),
                    "a key is asked for that was made for another GUN or role: as if it was not there"
                );
                return Err(refusal::no_key(&id));
            }
        }
        let (key_info, public_key) = (Some(info(&known.key)), known.key.public().to_vec());
        Ok(Response::new(GetKeyInfoResponse { key_info, public_key, role: known.role }))
    }
}

/// What every answer says of a key. The Go server needs both messages to be there.
pub(crate) fn info(key: &keys::PublicKey) -> KeyInfo {
    KeyInfo {
        key_id: Some(protocol::KeyId { id: key.id().to_string() }),
        algorithm: Some(Algorithm { algorithm: key.key_type().as_str().to_owned() }),
    }
}
