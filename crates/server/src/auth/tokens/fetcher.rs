//! Fetches the keys of one issuer: in turns, and when a token names a key that is not known; never
//! twice at once, and never more often than is bearable for the token service.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Tokens;
use super::fetch::fetch_keys_once;
use super::settings::JwksUrl;
use super::sources::TokenKeysError;

/// The least time between two fetches that tokens cause.
const PAUSE: Duration = Duration::from_secs(10);

/// Whether there is anything new to judge a token by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    None,
    Some,
}

/// Fetches the keys of one issuer.
pub(super) struct Fetcher {
    issuer: String,
    from: JwksUrl,
    /// Held while a fetch goes on.
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    /// When the last fetch began and ended.
    times: Option<(Instant, Instant)>,
    /// What was wrong with it.
    complaint: Option<TokenKeysError>,
}

impl Fetcher {
    pub(super) fn new(issuer: String, from: JwksUrl) -> Self {
        Self { issuer, from, last: Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Fetches because a token names a key that is not known. A task of its own, so that a client
    /// that goes away does not end the fetch for all others.
    pub(super) async fn ask(fetcher: &Arc<Self>, tokens: &Arc<Tokens>) -> News {
        let arrived = Instant::now();
        let (fetcher, tokens) = (Arc::clone(fetcher), Arc::clone(tokens));
        let asked = tokio::spawn(async move {
            let mut last = fetcher.last.lock().await;
            match last.times {
                Some((_, ended)) if ended >= arrived => News::Some,
                Some((began, _)) if began.elapsed() < PAUSE => News::None,
                _ => {
                    fetcher.fetch(&mut last, &tokens).await;
                    News::Some
                }
            }
        });
        asked.await.unwrap_or(News::None)
    }

    /// Fetches if that is due.
    pub(super) async fn fetch_in_turn(&self, tokens: &Tokens) {
        let mut last = self.last.lock().await;
        let interval = match last.complaint {
            None => self.from.refresh,
            Some(_) => self.from.refresh.min(PAUSE),
        };
        if last.times.is_none_or(|(began, _)| began.elapsed() >= interval) {
            self.fetch(&mut last, tokens).await;
        }
    }

    /// Fetches, however short ago that was.
    pub(super) async fn fetch_now(&self, tokens: &Tokens) {
        let mut last = self.last.lock().await;
        self.fetch(&mut last, tokens).await;
    }

    /// As if the last fetch had been long ago.
    #[cfg(test)]
    pub(super) async fn forget_when(&self) {
        self.last.lock().await.times = None;
    }

    async fn fetch(&self, last: &mut Last, tokens: &Tokens) {
        let began = Instant::now();
        let answer = fetch_keys_once(&self.from).await;
        let (set, complaint) = match answer {
            Ok(set) => (Some(set), None),
            Err(error) => (None, Some(error)),
        };
        let (issuer, url) = (self.issuer.as_str(), self.from.url.as_str());
        match (&last.complaint, &complaint) {
            (_, None) => {}
            (Some(before), Some(now)) if before == now => {}
            (_, Some(error)) => tracing::error!(
                issuer,
                %error,
                "the keys of tokens cannot be fetched; those in use stay, tokens by others are \
                 answered 503, and it is tried again"
            ),
        }
        tokens.change(|sources| {
            let Some(source) = sources.iter_mut().find(|source| source.name() == issuer) else {
                return false;
            };
            let changed = source.fetched(set);
            if changed && complaint.is_none() {
                tracing::info!(issuer, url, keys = source.key_count(), "keys of tokens fetched");
            }
            changed
        });
        *last = Last { times: Some((began, Instant::now())), complaint };
    }
}
