//! Calls that say for which GUN and role a key is wanted.

use countersign_custody::remote::caller;
use countersign_signer::{CallLimits, Terms, WithoutGun};
use countersign_storage::SealedKey;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::workshop::{GUN, Workshop, id, signature, told};

const OTHER: &str = "registry.example/team/other";

/// `message`, which says what for.
fn meant<T>(message: T, gun: &str, role: &str) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert_bin(caller::GUN, MetadataValue::from_bytes(gun.as_bytes()));
    metadata.insert(caller::ROLE, role.parse().unwrap());
    request
}

#[tokio::test]
async fn a_key_serves_the_purpose_that_it_was_made_for_and_no_other() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    for (gun, role) in [(OTHER, "timestamp"), (GUN, "snapshot"), ("Registry.example", "timestamp")]
    {
        let looked = shop.keys().get_key_info(meant(id(&key), gun, role)).await.unwrap_err();
        let expected = format!("key {key} not found");
        assert_eq!(told(&looked), (Code::NotFound, expected.as_str()));
        let signed =
            shop.signing().sign(meant(signature(&key, b"m"), gun, role)).await.unwrap_err();
        let expected = format!("signing key not found: {key}");
        assert_eq!(told(&signed), (Code::NotFound, expected.as_str()));
    }
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed");
    let told = shop.keys().get_key_info(meant(id(&key), GUN, "timestamp")).await.unwrap();
    assert_eq!(told.into_inner().role, "timestamp");
    shop.signing().sign(meant(signature(&key, b"m"), GUN, "timestamp")).await.unwrap();
}

#[tokio::test]
async fn half_a_purpose_is_refused() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    let mut request = meant(signature(&key, b"m"), GUN, "timestamp");
    request.metadata_mut().remove(caller::ROLE);
    assert_eq!(shop.signing().sign(request).await.unwrap_err().code(), Code::InvalidArgument);
    let request = meant(id(&key), GUN, "root");
    assert_eq!(shop.keys().get_key_info(request).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed");
}

#[tokio::test]
async fn an_old_key_is_bound_by_its_first_signature_and_not_by_a_look() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    let row = shop.row(&key).await;
    shop.put(SealedKey { gun: String::new(), role: String::new(), ..row }).await;
    shop.keys().get_key_info(meant(id(&key), OTHER, "snapshot")).await.unwrap();
    assert_eq!(shop.row(&key).await.gun, "");
    shop.signing().sign(meant(signature(&key, b"m"), GUN, "timestamp")).await.unwrap();
    let row = shop.row(&key).await;
    assert_eq!((row.gun.as_str(), row.role.as_str()), (GUN, "timestamp"));
    let refused = shop.signing().sign(meant(signature(&key, b"m"), OTHER, "timestamp")).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn where_a_purpose_is_required_nothing_is_signed_without_one() {
    let terms = Terms { without_gun: WithoutGun::Refused, ..Terms::default() };
    let shop = Workshop::with(terms, CallLimits::default()).await;
    let key = shop.key().await;
    let looked = shop.keys().get_key_info(id(&key)).await.unwrap_err();
    let signed = shop.signing().sign(signature(&key, b"m")).await.unwrap_err();
    let deleted = shop.keys().delete_key(id(&key)).await.unwrap_err();
    for refused in [looked, signed, deleted] {
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed");
    shop.signing().sign(meant(signature(&key, b"m"), GUN, "timestamp")).await.unwrap();
}
