//! Who asked for what, and which answers are decisions.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use countersign_access::Caller;
use countersign_access::audit::{Attempt, ChangedRole, Decision, Outcome, RefusalKind, Text};
use countersign_trust::NewVersion;

use super::change::Done;
use crate::arrival::Arrival;
use crate::error::Outcome as ErrorOutcome;
use crate::route::{Route, RouteName};

/// A request as far as its record needs it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(super) route: RouteName,
    gun: Option<Text>,
    role: Option<Text>,
    address: Option<IpAddr>,
    certificate: Option<Text>,
    request_id: Option<String>,
    credentials: Credentials,
}

/// As whom somebody tried to log in; an extension of the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried(Option<Text>);

impl Tried {
    /// As this user.
    pub(crate) fn by(&mut self, name: &str) {
        self.0 = Some(Text::name(name));
    }
}

/// Whether a request says who it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    None,
    Shown,
}

/// How a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filing {
    /// Whatever happens.
    Keep,
    /// Within the budget of its kind.
    Limited(RefusalKind),
}

impl Asked {
    /// What `request` asks for.
    pub(super) fn of(arrival: &Arrival, request: &Request) -> Self {
        let Arrival { route, peer, id, .. } = arrival;
        let certificate = peer.certificate.as_deref().map(Text::name);
        let shown = certificate.is_some() || request.headers().contains_key(header::AUTHORIZATION);
        Self {
            route: route.name(),
            gun: gun(route),
            role: route.role().map(Text::gun),
            address: peer.address,
            certificate,
            request_id: Some(id.as_str().to_owned()),
            credentials: if shown { Credentials::Shown } else { Credentials::None },
        }
    }

    /// The decision that `response` tells, if it is one that is recorded, and how.
    pub(super) fn judged(&self, response: &Response) -> Option<(Filing, Decision)> {
        let (filing, outcome) = self.filing(response)?;
        let extensions = response.extensions();
        let mut decision = Decision::new(attempt(self.route), outcome, response.status().as_u16());
        if let Some(ErrorOutcome { code, cause }) = extensions.get() {
            decision.code = Some(code);
            decision.cause = Some(Text::cause(cause));
        }
        decision.gun.clone_from(&self.gun);
        decision.role.clone_from(&self.role);
        match extensions.get::<Done>() {
            Some(Done::Deleted { existed }) => decision.existed = Some(*existed),
            Some(Done::GaveKey(key)) => decision.key = Some(key.clone()),
            Some(Done::Published(roles)) => {
                decision.roles = roles.iter().map(changed_role).collect();
            }
            None => {}
        }
        let caller = extensions.get::<Caller>();
        decision.user = match extensions.get::<Tried>() {
            Some(Tried(name)) => name.clone(),
            None => {
                let named = caller.and_then(Caller::user).map(Text::name);
                named.or_else(|| self.certificate.clone())
            }
        };
        decision.certificate.clone_from(&self.certificate);
        decision.address = self.address;
        decision.request_id.clone_from(&self.request_id);
        Some((filing, decision))
    }

    /// Whether the answer is a decision: one that changed something or might have, or a refusal.
    /// That nothing is there is no refusal to a reader; nor is the first 401, by which clients
    /// learn where to log in.
    fn filing(&self, response: &Response) -> Option<(Filing, Outcome)> {
        let status = response.status();
        let refused = |kind| Some((Filing::Limited(kind), Outcome::Refused));
        let login = self.route == RouteName::Token;
        match status {
            StatusCode::UNAUTHORIZED if login => refused(RefusalKind::Login),
            StatusCode::UNAUTHORIZED
                if self.route == RouteName::Ping && self.credentials == Credentials::None =>
            {
                None
            }
            StatusCode::UNAUTHORIZED => refused(RefusalKind::Unauthorized),
            StatusCode::TOO_MANY_REQUESTS => refused(RefusalKind::RateLimited),
            _ if login && status.is_client_error() => refused(RefusalKind::Login),
            _ if !self.may_change() => None,
            _ if status.is_success() => {
                let changed = self.route != RouteName::GetKey
                    || response.extensions().get::<Done>().is_some();
                changed.then_some((Filing::Keep, Outcome::Accepted))
            }
            StatusCode::NOT_FOUND if self.route == RouteName::GetKey => None,
            _ if status.is_server_error() => {
                Some((Filing::Limited(RefusalKind::Failed), Outcome::Failed))
            }
            _ => refused(RefusalKind::Refused),
        }
    }

    fn may_change(&self) -> bool {
        matches!(
            self.route,
            RouteName::Delete | RouteName::GetKey | RouteName::Publish | RouteName::RotateKey
        )
    }
}

/// The GUN as it was sent, also one that cannot be stored.
fn gun(route: &Route) -> Option<Text> {
    match route {
        Route::UnusableGun { gun, .. } => Some(Text::gun(&String::from_utf8_lossy(gun))),
        other => other.gun().map(|gun| Text::gun(gun.as_str())),
    }
}

fn changed_role(new: &NewVersion) -> ChangedRole {
    let NewVersion { role, version, signers } = new.clone();
    ChangedRole { role, version, signers }
}

fn attempt(route: RouteName) -> Attempt {
    match route {
        RouteName::Changefeed => Attempt::Changefeed,
        RouteName::Delete => Attempt::Delete,
        RouteName::GetKey => Attempt::GetKey,
        RouteName::GetRole | RouteName::GetRoleByDigest | RouteName::GetRoleByVersion => {
            Attempt::Read
        }
        RouteName::Ping => Attempt::Ping,
        RouteName::Publish => Attempt::Publish,
        RouteName::RotateKey => Attempt::RotateKey,
        RouteName::Token => Attempt::Login,
        RouteName::Health
        | RouteName::Live
        | RouteName::Metrics
        | RouteName::Ready
        | RouteName::Unknown => Attempt::Other,
    }
}
