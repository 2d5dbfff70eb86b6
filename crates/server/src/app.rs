//! What every request can reach, and the router around it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::Method;

use crate::arrival::RequestIds;
use crate::audit::Audit;
use crate::auth::Access;
use crate::entrance::Entrance;
use crate::key_budget::KeyBudget;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::publish_rates::{PublishRate, PublishRates};
use crate::request_limits::RequestLimits;
use crate::route::Route;
use crate::routes::CacheRules;
use crate::token_service::TokenService;
use countersign_trust::Trust;
use countersign_tuf::gun_prefix::GunPrefix;

/// What an operator may choose about the HTTP side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// What a client may use.
    pub limits: Limits,
    /// How long answers may be kept by caches.
    pub caching: Caching,
    /// The only beginnings that GUNs may have here; empty: any. Default: empty.
    pub gun_prefixes: Vec<GunPrefix>,
    /// Through how many proxies requests come that tell the truth in `X-Forwarded-For`. Default 0:
    /// the header is not looked at.
    pub trusted_hops: usize,
    /// How often may be published below prefixes of GUNs. Default: none, as often as anybody wants.
    pub publish_rates: Vec<PublishRate>,
}

/// How long caches may keep documents. Zero forbids keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caching {
    /// For documents by role name, which change. Whole seconds; default 300 s.
    pub current_max_age: Duration,
    /// For documents by digest or version, which do not. Whole seconds; default 30 days.
    pub consistent_max_age: Duration,
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            current_max_age: Duration::from_secs(300),
            consistent_max_age: Duration::from_secs(2_592_000),
        }
    }
}

/// What requests are answered from.
#[derive(Clone)]
pub struct Service {
    /// The documents and the keys.
    pub trust: Arc<Trust>,
    /// What decides who may have them.
    pub access: Arc<Access>,
    /// What gives out tokens; `None` where nothing does.
    pub token_service: Option<Arc<TokenService>>,
    /// What records decisions; `None` where none are recorded.
    pub audit: Option<Arc<Audit>>,
}

impl Service {
    /// `trust`, with all that it has, for everybody.
    #[must_use]
    pub fn open(trust: Arc<Trust>) -> Self {
        Self { trust, access: Arc::new(Access::open()), token_service: None, audit: None }
    }
}

/// Every route over `service` as one router without a listener, for whoever brings the requests.
///
/// Nothing is bounded here but uploads: connections and waits are the business of
/// [`serve`](crate::serve).
pub fn router(service: Service, settings: ServerSettings) -> Router {
    App::new(service, settings).into_router()
}

/// The state behind the router: one reference, which every request takes.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) trust: Arc<Trust>,
    pub(crate) access: Arc<Access>,
    pub(crate) token_service: Option<Arc<TokenService>>,
    pub(crate) audit: Option<Arc<Audit>>,
    pub(crate) settings: ServerSettings,
    pub(crate) key_budget: KeyBudget,
    pub(crate) request_limits: RequestLimits,
    pub(crate) publish_rates: PublishRates,
    pub(crate) cache_rules: CacheRules,
    pub(crate) metrics: Metrics,
    pub(crate) request_ids: RequestIds,
    stopping: AtomicBool,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Tests set one part of it up before its first request.
#[cfg(test)]
impl std::ops::DerefMut for App {
    fn deref_mut(&mut self) -> &mut Shared {
        Arc::get_mut(&mut self.0).unwrap()
    }
}

impl App {
    pub(crate) fn new(service: Service, settings: ServerSettings) -> Self {
        let Service { trust, access, token_service, audit } = service;
        Self(Arc::new(Shared {
            trust,
            access,
            token_service,
            audit,
            key_budget: KeyBudget::new(&settings.limits),
            request_limits: RequestLimits::new(&settings.limits),
            publish_rates: PublishRates::new(&settings.publish_rates),
            cache_rules: CacheRules::of(settings.caching),
            settings,
            metrics: Metrics::new(),
            request_ids: RequestIds::new(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// The route of a request. Without a token service its path is as unknown as in Notary.
    pub(crate) fn route(&self, method: &Method, raw_path: &str) -> Route {
        match Route::parse(method, raw_path) {
            Route::GetToken | Route::PostToken if self.token_service.is_none() => Route::Unknown,
            route => route,
        }
    }

    /// From now on the server says that it is not ready.
    pub(crate) fn begin_shutdown(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The router: everything enters at one place, since a GUN has slashes and may be anything.
    pub(crate) fn into_router(self) -> Router {
        Router::new().fallback_service(Entrance::of(self))
    }
}
