//! What went between a Go server and a Go signer, and the rows that the Go signer and others made,
//! as a caller of ours meets them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_custody::remote::protocol::{
    CreateKeyRequest, GetKeyInfoResponse, KeyId, PublicKey, Signature, SignatureRequest, Void,
};
use countersign_tuf::keys::{KeyType, SignatureMethod, verify_signature};
use prost::Message;
use serde_json::Value;
use tonic::Code;

use crate::workshop::{Workshop, id, read, sealed_key, signature};

/// The bytes come back as they were, so that nothing in them is unknown or written otherwise.
fn is_whole<T: Message + Default + PartialEq>(call: &Value, member: &str) -> T {
    let bytes = hex::decode(call[member].as_str().unwrap()).unwrap();
    let message = T::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes, "{member} of {}", call["method"]);
    assert!(bytes.is_empty() || message != T::default());
    message
}

#[test]
fn every_message_of_a_go_pair_reads_and_writes_byte_for_byte() {
    let file = read("grpc_messages.json");
    let calls = file["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 10);
    for call in calls {
        match call["method"].as_str().unwrap() {
            "/proto.KeyManagement/CreateKey" => {
                is_whole::<CreateKeyRequest>(call, "request_hex");
                is_whole::<PublicKey>(call, "response_hex");
            }
            "/proto.KeyManagement/DeleteKey" => {
                is_whole::<KeyId>(call, "request_hex");
                is_whole::<Void>(call, "response_hex");
            }
            "/proto.KeyManagement/GetKeyInfo" => {
                is_whole::<KeyId>(call, "request_hex");
                is_whole::<GetKeyInfoResponse>(call, "response_hex");
            }
            "/proto.Signer/Sign" => {
                is_whole::<SignatureRequest>(call, "request_hex");
                is_whole::<Signature>(call, "response_hex");
            }
            other => panic!("{other} is not known"),
        }
    }
}

/// The Go signer's own rows, asked as it was asked: what does not depend on chance is byte for byte
/// what it answered.
#[tokio::test]
async fn the_calls_of_a_go_server_get_the_answers_of_its_signer() {
    let shop = Workshop::new().await;
    for entry in read("private_keys.json")["rows"].as_array().unwrap() {
        if entry["name"] != "ecdsa-soft-deleted" {
            shop.put(sealed_key(entry)).await;
        }
    }
    let mut compared = 0;
    for call in read("grpc_messages.json")["calls"].as_array().unwrap() {
        match call["method"].as_str().unwrap() {
            "/proto.KeyManagement/GetKeyInfo" => {
                let asked = is_whole::<KeyId>(call, "request_hex");
                let told = shop.keys().get_key_info(asked).await.unwrap().into_inner();
                assert_eq!(told, is_whole::<GetKeyInfoResponse>(call, "response_hex"));
            }
            "/proto.Signer/Sign" => {
                let asked = is_whole::<SignatureRequest>(call, "request_hex");
                let signed = shop.signing().sign(asked).await.unwrap().into_inner();
                let expected = is_whole::<Signature>(call, "response_hex");
                assert_eq!(signed.key_info, expected.key_info);
                assert_eq!(signed.algorithm, expected.algorithm);
                assert_eq!(signed.content.len(), expected.content.len());
                if expected.algorithm.unwrap().algorithm == "eddsa" {
                    assert_eq!(signed.content, expected.content);
                }
            }
            _ => continue,
        }
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[tokio::test]
async fn every_row_signs_or_is_refused_as_it_must_be() {
    let shop = Workshop::new().await;
    let file = read("private_keys.json");
    let rows = file["rows"].as_array().unwrap();
    for entry in rows {
        shop.put(sealed_key(entry)).await;
        if entry["name"] == "ecdsa-soft-deleted" {
            shop.keys().delete_key(id(&sealed_key(entry).key_id)).await.unwrap();
        }
    }
    let (mut signed, mut refused) = (Vec::new(), Vec::new());
    for entry in rows {
        let (name, row) = (entry["name"].as_str().unwrap(), sealed_key(entry));
        let looked = shop.keys().get_key_info(id(&row.key_id)).await;
        match shop.signing().sign(signature(&row.key_id, b"a message")).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                let key_type = KeyType::parse(&row.algorithm);
                let key = countersign_tuf::keys::PublicKey::new(key_type, row.public);
                let method = SignatureMethod::parse(&answer.algorithm.unwrap().algorithm);
                assert!(verify_signature(&key, &method, b"a message", &answer.content), "{name}");
                assert_eq!(looked.unwrap().into_inner().public_key, key.public(), "{name}");
                signed.push(name);
            }
            Err(status) if name == "ecdsa-soft-deleted" => {
                assert_eq!(status.code(), Code::NotFound);
                assert_eq!(looked.unwrap_err().code(), Code::NotFound);
            }
            Err(status) => {
                // The Go signer says that there is no such key, and its server makes a new one.
                assert_eq!(status.code(), Code::FailedPrecondition, "{name}: {status:?}");
                assert_eq!(looked.unwrap_err().code(), Code::FailedPrecondition, "{name}");
                let content = STANDARD.encode(b"a message");
                let text = status.message();
                assert!(!text.contains("a message") && !text.contains(&content), "{text}");
                assert!(!text.contains("passphrase"), "{text}");
                refused.push(name);
            }
        }
    }
    assert_eq!(signed.len(), 11, "{signed:?}");
    assert_eq!(
        refused,
        [
            "bad-pkcs8-payload",
            "bad-wrong-passphrase",
            "bad-unknown-alias",
            "bad-public-private-mismatch"
        ]
    );
}
