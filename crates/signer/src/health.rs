//! `grpc.health.v1.Health`: whether keys can be used.
//!
//! Source: signer spec 1.4; the standard's own description for `Watch`.

use std::pin::Pin;
use std::sync::Arc;

use countersign_custody::remote::HEALTH_SERVICES;
use futures_util::Stream;
use futures_util::stream::{once, unfold};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server as server};

use crate::signer::{Health, Signer};

/// The service.
pub(crate) struct HealthService(pub(crate) Arc<Signer>);

type Statuses = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl server::Health for HealthService {
    type WatchStream = Statuses;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request.get_ref().service) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(answer(*self.0.watch_health().borrow())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !is_known(&request.get_ref().service) {
            let status = ServingStatus::ServiceUnknown.into();
            let unknown = async move { Ok(HealthCheckResponse { status }) };
            return Ok(Response::new(Box::pin(once(unknown))));
        }
        let mut health = self.0.watch_health();
        health.mark_changed();
        // The end is told, and then there is nothing more to tell.
        let statuses = unfold(Some(health), |health| async {
            let mut health = health?;
            health.changed().await.ok()?;
            let now = *health.borrow_and_update();
            Some((Ok(answer(now)), (now != Health::Stopped).then_some(health)))
        });
        Ok(Response::new(Box::pin(statuses)))
    }
}

fn is_known(service: &str) -> bool {
    service.is_empty() || HEALTH_SERVICES.contains(&service)
}

fn answer(health: Health) -> HealthCheckResponse {
    let status = match health {
        Health::Serving => ServingStatus::Serving,
        Health::NotServing | Health::Stopped => ServingStatus::NotServing,
    };
    HealthCheckResponse { status: status.into() }
}
