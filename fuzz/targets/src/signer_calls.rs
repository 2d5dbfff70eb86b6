//! Calls to a signer that holds one key: any message, in any frame, by any method.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use countersign_custody::remote::caller;
use countersign_custody::remote::protocol::SignatureRequest;
use countersign_custody::{
    Custody, CustodyError, Home, KeyRetirement, KeySignature, KeysById, KnownKey, Purpose,
    SignatureById,
};
use countersign_signer::{CallLimits, Caller, Client, Signer, Terms, router};
use countersign_tuf::keys::{KeyId, KeyType, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

const SIGN: &str = "/proto.Signer/Sign";

/// The methods, by the first byte of an input modulo their number.
pub const METHODS: [&str; 6] = [
    SIGN,
    "/proto.KeyManagement/CreateKey",
    "/proto.KeyManagement/GetKeyInfo",
    "/proto.KeyManagement/DeleteKey",
    "/grpc.health.v1.Health/Check",
    "/proto.Signer/Unknown",
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_time().build().expect("a runtime without I/O")
});

static HELD: LazyLock<Held> = LazyLock::new(|| Held {
    key: PublicKey::new(KeyType::Ed25519, vec![7; 32]),
    signatures: AtomicU32::new(0),
});

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let signer = Signer::new(Terms::default());
    signer.open(Arc::new(&*HELD), Arc::new(&*HELD));
    router(Arc::new(signer), CallLimits::default())
});

/// The ID of the one key that is held.
#[must_use]
pub fn held_key() -> String {
    HELD.key.id().to_string()
}

/// The first byte says which method; the second whether the rest is framed as it should be (0), is
/// the body as it stands (1), or is the GUN in the metadata of a good signature (2).
///
/// Every answer has a code, nothing is signed but what names the one key in full, and no answer
/// holds what was to be signed.
pub fn signer_calls(data: &[u8]) {
    let [method, form, rest @ ..] = data else { return };
    let method = METHODS.get(usize::from(*method) % METHODS.len()).expect("within their number");
    let good = || {
        let key_id = Some(countersign_custody::remote::protocol::KeyId { id: held_key() });
        SignatureRequest { key_id, content: b"content".to_vec() }.encode_to_vec()
    };
    let (path, body) = match form % 3 {
        0 => (*method, framed(rest)),
        1 => (*method, rest.to_vec()),
        _ => (SIGN, framed(&good())),
    };
    let mut request = Request::post(path).header("content-type", "application/grpc");
    if form % 3 == 2 {
        request = request.header(caller::ROLE, "timestamp").header(caller::GUN, rest);
    }
    // What is no header reaches no server.
    let Ok(mut request) = request.body(Body::from(body.clone())) else { return };
    request.extensions_mut().insert(Caller::LetIn(Client::default()));
    let before = HELD.signatures.load(Ordering::Relaxed);
    let (code, answer) = RUNTIME.block_on(async {
        let response = ROUTER.clone().oneshot(request).await.expect("a router does not fail");
        let code = response.headers().get("grpc-status").cloned();
        let answer = to_bytes(response.into_body(), 1 << 20).await.expect("it is in memory");
        (code, answer)
    });
    let signed = HELD.signatures.load(Ordering::Relaxed) - before;
    let refused = code.is_some_and(|code| code != "0");
    assert_eq!(refused, answer.is_empty(), "a refusal has no message, and an answer has one");
    if path == SIGN {
        assert_eq!(signed, u32::from(!refused), "one signature for each answer");
    } else {
        assert_eq!(signed, 0, "{path} signs nothing");
    }
    if signed == 1 {
        // What follows the first message is of no call.
        let (head, rest) = body.split_first_chunk::<5>().expect("it had a frame");
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = usize::try_from(length).expect("it is in memory");
        let message = rest.get(..length).expect("it is whole");
        let asked = SignatureRequest::decode(message).expect("it was read as one");
        assert_eq!(asked.key_id.map(|key| key.id), Some(held_key()));
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

/// One key that is bound to nothing, and how often it has signed.
struct Held {
    key: PublicKey,
    signatures: AtomicU32,
}

impl Held {
    fn known(&self) -> KnownKey {
        let (gun, role) = (String::new(), String::new());
        KnownKey { key: self.key.clone(), gun, role, home: Home::Sealed }
    }
}

#[async_trait]
impl KeysById for &'static Held {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        Ok((id == self.key.id()).then(|| self.known()))
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        _: Option<Purpose<'_>>,
        _: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        if id != self.key.id() {
            return Ok(None);
        }
        self.signatures.fetch_add(1, Ordering::Relaxed);
        Ok(Some(SignatureById { by: self.known(), bytes: vec![1; 64] }))
    }

    fn forget(&self, _: &KeyId) {}
}

/// It never lets go of its key.
#[async_trait]
impl KeyRetirement for &'static Held {
    async fn retire(&self, _: &KeyId) -> Result<bool, CustodyError> {
        Ok(false)
    }
}

#[async_trait]
impl Custody for &'static Held {
    async fn pending_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        Ok(self.key.clone())
    }

    async fn find_pending(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(None)
    }

    async fn find_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(None)
    }

    async fn bind(&self, _: &Gun, _: ServerRole, _: &KeyId) -> Result<bool, CustodyError> {
        Ok(false)
    }

    async fn sign(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        Ok(None)
    }

    async fn try_out(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), CustodyError> {
        Ok(())
    }
}
