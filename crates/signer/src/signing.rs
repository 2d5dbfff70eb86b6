//! `Signer`: signs.
//!
//! Source: signer spec 1.2, 1.3 and 2.3.

use std::sync::Arc;

use countersign_custody::SignatureById;
use countersign_custody::remote::protocol::{
    Algorithm, Signature, SignatureRequest, signer_server as server,
};
use countersign_tuf::keys::KeyId;
use tonic::{Request, Response, Status};

use crate::caller::Client;
use crate::key_id;
use crate::key_management::info;
use crate::purpose::Purpose;
use crate::refusal::{self, During};
use crate::signer::{Signer, WithoutGun};

/// The service.
pub(crate) struct Signing(pub(crate) Arc<Signer>);

#[tonic::async_trait]
impl server::Signer for Signing {
    async fn sign(
        &self,
        request: Request<SignatureRequest>,
    ) -> Result<Response<Signature>, Status> {
        let client = Client::of(request.extensions());
        let purpose = Purpose::of(request.metadata())?;
        let SignatureRequest { key_id, content } = request.into_inner();
        let id = key_id::wanted(key_id)?;
        if purpose.is_none() && self.0.terms().without_gun == WithoutGun::Refused {
            return Err(refusal::without_gun());
        }
        let wanted = purpose.as_ref().map(Purpose::as_ref);
        let signed = self.0.keys()?.sign_by_id(&id, wanted, &content).await;
        let signed = signed.map_err(|error| refusal::of_custody(&error, During::Signing(&id)))?;
        let Some(signed) = signed else {
            if let Some(wanted) = wanted {
                let (gun, role) = (wanted.gun, wanted.role);
                tracing::warn!(
                    key_id = %id, %gun, %role, caller = %client,
                    "nothing is signed: no key of this ID is held for this GUN and role"
                );
            }
            return Err(refusal::no_signing_key(&id));
        };
        log(&id, &signed, &client);
        let SignatureById { by, bytes } = signed;
        let method = by.key.key_type().server_method();
        let method = method.ok_or_else(|| Status::internal(format!("key {id} cannot sign")))?;
        Ok(Response::new(Signature {
            key_info: Some(info(&by.key)),
            algorithm: Some(Algorithm { algorithm: method.as_str().to_owned() }),
            content: bytes,
        }))
    }
}

/// One line for each signature, never what was signed.
fn log(id: &KeyId, signed: &SignatureById, client: &Client) {
    let SignatureById { by, .. } = signed;
    let (gun, role, key_id) = (by.gun.as_str(), by.role.as_str(), id.as_str());
    // As text and not as something displayed, so that no name ends a line.
    let caller = client.to_string();
    let (caller, home) = (caller.as_str(), by.home.as_str());
    tracing::info!(
        target: "countersign::signatures",
        gun, role, key_id, caller, home, "signed"
    );
}
