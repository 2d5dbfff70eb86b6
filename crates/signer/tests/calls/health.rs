//! Health as Notary's server asks for it (signer spec 1.4), and as it changes.

use countersign_signer::{CallLimits, Terms};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::workshop::{Workshop, told};

const NAMES: [&str; 3] =
    ["", "grpc.health.v1.Health.KeyManagement", "grpc.health.v1.Health.Signer"];

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn status(shop: &Workshop, service: &str) -> ServingStatus {
    shop.health().check(of(service)).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn it_serves_once_its_keys_are_reached_and_until_it_stops() {
    let shop = Workshop::closed(Terms::default(), CallLimits::default()).await;
    for name in NAMES {
        assert_eq!(status(&shop, name).await, ServingStatus::NotServing, "{name}");
    }
    shop.open().await;
    for name in NAMES {
        assert_eq!(status(&shop, name).await, ServingStatus::Serving, "{name}");
    }
    shop.signer.stop();
    for name in NAMES {
        assert_eq!(status(&shop, name).await, ServingStatus::NotServing, "{name}");
    }
}

#[tokio::test]
async fn other_names_are_unknown_as_in_notary() {
    let shop = Workshop::new().await;
    for name in ["proto.Signer", "grpc.health.v1.Health.Overall", "Signer", " "] {
        let refused = shop.health().check(of(name)).await.unwrap_err();
        assert_eq!(told(&refused), (Code::NotFound, "unknown service"));
        let mut watched = shop.health().watch(of(name)).await.unwrap().into_inner();
        let first = watched.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    }
}

#[tokio::test]
async fn who_watches_is_told_each_change_and_the_end() {
    let shop = Workshop::closed(Terms::default(), CallLimits::default()).await;
    let mut watched = shop.health().watch(of(NAMES[1])).await.unwrap().into_inner();
    let mut next = async || watched.message().await.unwrap().map(|told| told.status());
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    shop.open().await;
    assert_eq!(next().await, Some(ServingStatus::Serving));
    shop.signer.stop();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn a_database_that_is_gone_turns_health_red() {
    let shop = Workshop::new().await;
    let mut watched = shop.health().watch(of("")).await.unwrap().into_inner();
    let mut next = async || watched.message().await.unwrap().map(|told| told.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    shop.store.close().await;
    tokio::select! {
        () = shop.signer.keep_health() => {}
        told = next() => assert_eq!(told, Some(ServingStatus::NotServing)),
    }
}
