//! What each call answers, and each malformed one (signer spec 1.2, 1.3, 9.1, 9.2).

use countersign_custody::remote::protocol::key_management_client::KeyManagementClient;
use countersign_custody::remote::protocol::signer_client::SignerClient;
use countersign_custody::remote::protocol::{CreateKeyRequest, SignatureRequest};
use countersign_signer::{CallLimits, Caller, Client, Clients, Terms};
use countersign_storage::{KeyArchive as _, KeyStore as _};
use countersign_tuf::keys::{KeyType, PublicKey, SignatureMethod, verify_signature};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::workshop::{GUN, Workshop, creation, id, signature, told};

const MESSAGE: &[u8] = br#"{"_type":"Timestamp","version":1}"#;

#[tokio::test]
async fn a_key_is_made_told_and_signs_and_every_message_is_whole() {
    let shop = Workshop::new().await;
    for (algorithm, method, public_bytes) in [("ecdsa", "ecdsa", 91), ("ed25519", "eddsa", 32)] {
        let made = shop.keys().create_key(creation(algorithm, GUN, "snapshot")).await.unwrap();
        let made = made.into_inner();
        let info = made.key_info.unwrap();
        let (key_id, of) = (info.key_id.clone().unwrap().id, info.algorithm.clone().unwrap());
        assert_eq!(of.algorithm, algorithm);
        assert_eq!(made.public_key.len(), public_bytes);
        let key = PublicKey::new(KeyType::parse(algorithm), made.public_key.clone());
        assert_eq!(key.id().as_str(), key_id, "the ID is that of type and bytes");
        let told = shop.keys().get_key_info(id(&key_id)).await.unwrap().into_inner();
        assert_eq!(told.key_info.as_ref(), Some(&info));
        assert_eq!((told.public_key, told.role.as_str()), (made.public_key, "snapshot"));
        let signed = shop.signing().sign(signature(&key_id, MESSAGE)).await.unwrap().into_inner();
        assert_eq!(signed.key_info, Some(info));
        assert_eq!(signed.algorithm.unwrap().algorithm, method);
        let method = SignatureMethod::parse(method);
        assert!(verify_signature(&key, &method, MESSAGE, &signed.content));
    }
}

#[tokio::test]
async fn the_same_key_is_given_out_until_it_has_signed() {
    let shop = Workshop::new().await;
    let first = shop.key().await;
    assert_eq!(shop.key().await, first);
    shop.signing().sign(signature(&first, b"")).await.unwrap();
    assert_ne!(shop.key().await, first);
}

/// Signer spec 3.5 and 9.6: the row stays, marked; and the key is not used from memory either.
#[tokio::test]
async fn a_key_that_was_deleted_is_gone_at_once_and_deleting_it_again_is_no_error() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    shop.signing().sign(signature(&key, MESSAGE)).await.unwrap();
    let other = shop.key().await;
    for id in [id(&key), id(&key), id(&"0".repeat(64))] {
        shop.keys().delete_key(id).await.unwrap();
    }
    let looked = shop.keys().get_key_info(id(&key)).await.unwrap_err();
    let signed = shop.signing().sign(signature(&key, MESSAGE)).await.unwrap_err();
    for refused in [looked, signed] {
        assert_eq!(refused.code(), Code::NotFound);
    }
    assert!(shop.store.is_marked_deleted(&key).await.unwrap());
    shop.keys().get_key_info(id(&other)).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_not_there_is_not_found_in_notarys_words() {
    let shop = Workshop::new().await;
    let absent = "0".repeat(64);
    let refused = shop.keys().get_key_info(id(&absent)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::NotFound, format!("key {absent} not found").as_str()));
    let refused = shop.signing().sign(signature(&absent, MESSAGE)).await.unwrap_err();
    let expected = format!("signing key not found: {absent}");
    assert_eq!(told(&refused), (Code::NotFound, expected.as_str()));
}

#[tokio::test]
async fn an_id_that_is_none_acts_on_no_key() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    for text in ["", "%", &key.to_uppercase(), &format!("{key} "), key.split_at(1).1, "' OR 1=1 --"]
    {
        let looked = shop.keys().get_key_info(id(text)).await.unwrap_err();
        let signed = shop.signing().sign(signature(text, MESSAGE)).await.unwrap_err();
        let deleted = shop.keys().delete_key(id(text)).await.unwrap_err();
        for refused in [looked, signed, deleted] {
            assert_eq!(refused.code(), Code::InvalidArgument, "{text:?}");
        }
    }
    let nameless = SignatureRequest { key_id: None, content: MESSAGE.to_vec() };
    let refused = shop.signing().sign(nameless).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed, and it is there");
}

#[tokio::test]
async fn keys_are_made_for_the_two_roles_of_servers_and_guns_that_are_some() {
    let shop = Workshop::new().await;
    let long = "a".repeat(256);
    for (gun, role) in [
        (GUN, "root"),
        (GUN, "targets"),
        (GUN, "targets/x"),
        (GUN, ""),
        (GUN, "Timestamp"),
        ("", "timestamp"),
        ("a\0b", "timestamp"),
        (&long, "timestamp"),
    ] {
        let refused = shop.keys().create_key(creation("ecdsa", gun, role)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{gun:?} {role:?}");
    }
    // A peer from before GUNs and roles sends the algorithm alone.
    let old = CreateKeyRequest { algorithm: "ecdsa".to_owned(), ..CreateKeyRequest::default() };
    assert_eq!(shop.keys().create_key(old).await.unwrap_err().code(), Code::InvalidArgument);
    for algorithm in ["rsa", "ECDSA", "", "ecdsa-x509"] {
        let asked = creation(algorithm, GUN, "timestamp");
        let refused = shop.keys().create_key(asked).await.unwrap_err();
        let expected = format!("algorithm {algorithm} not supported for create key");
        assert_eq!(told(&refused), (Code::Unknown, expected.as_str()));
    }
    assert_eq!(shop.store.count_pending(10).await.unwrap(), 0, "no key was made");
}

#[tokio::test]
async fn without_keys_every_call_is_told_to_try_again() {
    let shop = Workshop::closed(Terms::default(), CallLimits::default()).await;
    let made = shop.keys().create_key(creation("ecdsa", GUN, "timestamp")).await.unwrap_err();
    let looked = shop.keys().get_key_info(id(&"0".repeat(64))).await.unwrap_err();
    let signed = shop.signing().sign(signature(&"0".repeat(64), b"")).await.unwrap_err();
    let deleted = shop.keys().delete_key(id(&"0".repeat(64))).await.unwrap_err();
    for refused in [made, looked, signed, deleted] {
        assert_eq!(refused.code(), Code::Unavailable);
    }
    shop.open().await;
    shop.key().await;
}

#[tokio::test]
async fn a_client_that_is_not_on_the_list_gets_nothing_at_all() {
    let names = ["server".to_owned()].into();
    let terms = Terms { clients: Clients::Named(names), ..Terms::default() };
    let shop = Workshop::with(terms, CallLimits::default()).await;
    let key = shop.key().await;
    let ended = Caller::Refused("it has ended".to_owned());
    let nobody = Caller::LetIn(Client::default());
    let other = Caller::LetIn(Client { name: Some("other".to_owned()), address: None });
    for (caller, code) in [
        (ended, Code::Unauthenticated),
        (nobody, Code::PermissionDenied),
        (other, Code::PermissionDenied),
    ] {
        let router = shop.router_with(caller);
        let mut keys = KeyManagementClient::new(router.clone());
        let mut signing = SignerClient::new(router.clone());
        let mut health = HealthClient::new(router.clone());
        let all = [
            keys.create_key(creation("ecdsa", GUN, "snapshot")).await.err(),
            keys.get_key_info(id(&key)).await.err(),
            keys.delete_key(id(&key)).await.err(),
            signing.sign(signature(&key, MESSAGE)).await.err(),
            health.check(HealthCheckRequest::default()).await.err(),
        ];
        for refused in all {
            assert_eq!(refused.unwrap().code(), code);
        }
    }
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed");
    assert_eq!(shop.store.count_pending(10).await.unwrap(), 1, "no key was made");
}
