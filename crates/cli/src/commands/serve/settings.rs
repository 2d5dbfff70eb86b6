//! The settings in the words of the crates that obey them.

use std::num::NonZeroU32;
use std::sync::Arc;

use countersign_config::sections::repositories::Limit;
use countersign_config::{KeyHome, KeyRule as RuleSetting, Settings};
use countersign_custody::sealed::SealedSettings;
use countersign_custody::{Guns, Home, KeyChoice, KeyPlan, KeyRule};
use countersign_server::{
    Caching, DocumentLimits, Limits, PublishRate, Rate, ServerSettings, Stopping,
};
use countersign_trust::{BackwardClock, Policy, StorageLimit, Writes};

pub(super) fn stopping(settings: &Settings) -> Stopping {
    Stopping { handover: settings.server.handover, drain: settings.server.drain }
}

/// Whether what is old is cleared in the background.
pub(super) fn clears(settings: &Settings) -> bool {
    !settings.server.read_only && !settings.retention.interval.is_zero()
}

pub(crate) fn policy(settings: &Settings) -> Policy {
    let span = |lifetime| chrono::Duration::from_std(lifetime).unwrap_or(chrono::Duration::MAX);
    Policy {
        key_plan: Arc::new(key_plan(settings)),
        timestamp_lifetime: span(settings.expiry.timestamp),
        snapshot_lifetime: span(settings.expiry.snapshot),
        max_version_step: NonZeroU32::new(settings.limits.version_step),
        backward_clock: if settings.clock.allow_backwards {
            BackwardClock::Allowed
        } else {
            BackwardClock::Refused
        },
        writes: if settings.server.read_only { Writes::Refused } else { Writes::Taken },
        body_bytes: settings.caching.body_bytes,
        ..Policy::default()
    }
}

/// Where new keys go, and by which algorithm.
pub(crate) fn key_plan(settings: &Settings) -> KeyPlan {
    let home = |home| match home {
        KeyHome::Sealed => Home::Sealed,
        KeyHome::Token => Home::Token,
        KeyHome::Remote => Home::Remote,
    };
    let rule = |rule: &RuleSetting| KeyRule {
        role: rule.role,
        guns: match (&rule.gun, &rule.gun_prefix) {
            (Some(gun), _) => Guns::One(gun.clone()),
            (None, Some(prefix)) => Guns::Below(prefix.clone()),
            (None, None) => Guns::All,
        },
        home: rule.custody.map(home),
        algorithm: rule.algorithm,
    };
    let default =
        KeyChoice { home: home(settings.default_key_home()), algorithm: settings.keys.algorithm };
    KeyPlan { default, rules: settings.keys.rules.iter().map(rule).collect() }
}

pub(crate) fn sealed_settings(settings: &Settings) -> SealedSettings {
    SealedSettings { pending_keys: settings.limits.pending_keys, ..SealedSettings::default() }
}

pub(crate) fn server_settings(settings: &Settings) -> ServerSettings {
    let (limits, caching) = (&settings.limits, &settings.caching);
    ServerSettings {
        limits: Limits {
            body_bytes: limits.body_bytes,
            body_time: limits.body_time,
            body_pause: limits.body_pause,
            changes: limits.changes,
            connections: limits.connections,
            document: DocumentLimits {
                depth: limits.json_depth,
                keys: limits.keys,
                roles: limits.roles,
                signatures: limits.signatures,
                values: limits.json_values,
            },
            first_request: limits.first_request,
            handshake: limits.handshake,
            head_bytes: limits.head_bytes,
            idle: limits.idle,
            key_burst: NonZeroU32::new(limits.key_burst).unwrap_or(NonZeroU32::MIN),
            keys_per_second: NonZeroU32::new(limits.keys_per_second).unwrap_or(NonZeroU32::MIN),
            requests_per_address: rate(
                limits.address_requests_per_minute,
                limits.address_request_burst,
            ),
            requests_per_user: rate(limits.user_requests_per_minute, limits.user_request_burst),
            streams: limits.streams,
            part_header_bytes: limits.part_header_bytes,
            part_bytes: limits.part_bytes,
            parts: limits.parts,
        },
        caching: Caching {
            current_max_age: caching.current_max_age,
            consistent_max_age: caching.consistent_max_age,
        },
        gun_prefixes: settings.repositories.gun_prefixes.clone(),
        trusted_hops: settings.server.trusted_hops,
        publish_rates: publish_rates(&settings.repositories.limits),
    }
}

/// None at all a minute means that there is no limit.
fn rate(per_minute: u32, burst: u32) -> Option<Rate> {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Some(Rate { per_minute: NonZeroU32::new(per_minute)?, burst })
}

fn publish_rates(limits: &[Limit]) -> Vec<PublishRate> {
    let rate = |limit: &Limit| {
        let per_minute = limit.publishes_per_minute?;
        Some(PublishRate { prefix: limit.prefix.clone(), per_minute })
    };
    limits.iter().filter_map(rate).collect()
}

/// How much may be stored below prefixes; empty where nothing is limited.
pub(super) fn storage_limits(settings: &Settings) -> Vec<StorageLimit> {
    let limits = settings.repositories.limits.iter();
    let limit = |Limit { prefix, repositories, bytes, .. }: &Limit| StorageLimit {
        prefix: prefix.clone(),
        repositories: *repositories,
        bytes: *bytes,
    };
    limits
        .map(limit)
        .filter(|limit| limit.repositories.is_some() || limit.bytes.is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_tuf::keys::ServerKeyAlgorithm;
    use countersign_tuf::names::ServerRole;

    use super::*;

    #[test]
    fn the_defaults_of_the_file_are_those_of_the_crates_that_obey_it() {
        let settings = Settings::default();
        assert_eq!(server_settings(&settings), ServerSettings::default());
        assert_eq!(sealed_settings(&settings), SealedSettings::default());
        let (ours, theirs) = (policy(&settings), Policy::default());
        assert_eq!(ours.key_plan, theirs.key_plan);
        assert_eq!(ours.timestamp_lifetime, theirs.timestamp_lifetime);
        assert_eq!(ours.snapshot_lifetime, theirs.snapshot_lifetime);
        assert_eq!(ours.max_version_step, theirs.max_version_step);
        assert_eq!(ours.backward_clock, theirs.backward_clock);
        assert_eq!(ours.writes, theirs.writes);
        assert_eq!(ours.body_bytes, theirs.body_bytes);
    }

    #[test]
    fn a_server_that_only_reads_signs_and_clears_nothing() {
        let mut settings = Settings::default();
        settings.retention.interval = Duration::from_secs(60);
        assert!(clears(&settings) && policy(&settings).writes == Writes::Taken);
        settings.server.read_only = true;
        assert!(!clears(&settings) && policy(&settings).writes == Writes::Refused);
    }

    fn limit(prefix: &str, repositories: Option<u64>, a_minute: Option<u32>) -> Limit {
        let publishes_per_minute = a_minute.and_then(NonZeroU32::new);
        Limit { prefix: prefix.parse().unwrap(), repositories, bytes: None, publishes_per_minute }
    }

    #[test]
    fn every_cache_time_every_prefix_and_the_number_of_proxies_reach_the_server() {
        let seconds = Duration::from_secs;
        let mut settings = Settings::default();
        settings.caching.current_max_age = seconds(1);
        settings.caching.consistent_max_age = seconds(2);
        settings.repositories.gun_prefixes = vec!["example.com/".parse().unwrap()];
        settings.repositories.limits =
            vec![limit("a/", None, Some(24)), limit("b/", Some(2), None)];
        settings.server.trusted_hops = 3;
        let gun_prefixes = vec!["example.com/".parse().unwrap()];
        let caching = Caching { current_max_age: seconds(1), consistent_max_age: seconds(2) };
        let limits = Limits::default();
        let per_minute = NonZeroU32::new(24).unwrap();
        let publish_rates = vec![PublishRate { prefix: "a/".parse().unwrap(), per_minute }];
        assert_eq!(
            server_settings(&settings),
            ServerSettings { limits, caching, gun_prefixes, trusted_hops: 3, publish_rates }
        );
        let below_b =
            StorageLimit { prefix: "b/".parse().unwrap(), repositories: Some(2), bytes: None };
        assert_eq!(storage_limits(&settings), [below_b]);
    }

    #[test]
    fn every_limit_reaches_the_server() {
        let seconds = Duration::from_secs;
        let positive = |number| NonZeroU32::new(number).unwrap();
        let limits = countersign_config::sections::limits::Limits {
            body_bytes: 3,
            body_time: seconds(4),
            body_pause: seconds(5),
            connections: 6,
            first_request: seconds(7),
            handshake: seconds(8),
            idle: seconds(9),
            streams: 10,
            part_header_bytes: 11,
            part_bytes: 12,
            parts: 13,
            changes: 14,
            head_bytes: 15,
            json_depth: 16,
            json_values: 17,
            key_burst: 18,
            keys: 19,
            keys_per_second: 20,
            pending_keys: 21,
            roles: 22,
            signatures: 23,
            version_step: 0,
            address_request_burst: 24,
            address_requests_per_minute: 25,
            user_request_burst: 26,
            user_requests_per_minute: 27,
        };
        let settings = Settings { limits, ..Settings::default() };
        let rate = |per_minute, burst| {
            Some(Rate { per_minute: positive(per_minute), burst: positive(burst) })
        };
        let limits = Limits {
            body_bytes: 3,
            body_time: seconds(4),
            body_pause: seconds(5),
            connections: 6,
            first_request: seconds(7),
            handshake: seconds(8),
            idle: seconds(9),
            streams: 10,
            part_header_bytes: 11,
            part_bytes: 12,
            parts: 13,
            changes: 14,
            head_bytes: 15,
            document: DocumentLimits { depth: 16, keys: 19, roles: 22, signatures: 23, values: 17 },
            key_burst: positive(18),
            keys_per_second: positive(20),
            requests_per_address: rate(25, 24),
            requests_per_user: rate(27, 26),
        };
        assert_eq!(server_settings(&settings).limits, limits);
        assert_eq!(sealed_settings(&settings).pending_keys, 21);
    }

    #[test]
    fn every_choice_about_signing_reaches_trust() {
        let mut settings = Settings::default();
        settings.keys.algorithm = ServerKeyAlgorithm::Ed25519;
        let gun = countersign_tuf::names::Gun::parse("a/b").unwrap();
        let prefix: countersign_tuf::gun_prefix::GunPrefix = "a/".parse().unwrap();
        settings.keys.rules = vec![
            RuleSetting {
                role: Some(ServerRole::Snapshot),
                gun: Some(gun.clone()),
                custody: Some(KeyHome::Remote),
                ..RuleSetting::default()
            },
            RuleSetting {
                gun_prefix: Some(prefix.clone()),
                algorithm: Some(ServerKeyAlgorithm::Ecdsa),
                ..RuleSetting::default()
            },
            RuleSetting { custody: Some(KeyHome::Token), ..RuleSetting::default() },
        ];
        settings.expiry.timestamp = Duration::from_secs(3600);
        settings.expiry.snapshot = Duration::from_secs(7200);
        settings.limits.version_step = 0;
        settings.clock.allow_backwards = true;
        settings.caching.body_bytes = 5;
        let policy = policy(&settings);
        assert_eq!(policy.body_bytes, 5);
        let rules = vec![
            KeyRule {
                role: Some(ServerRole::Snapshot),
                guns: Guns::One(gun),
                home: Some(Home::Remote),
                algorithm: None,
            },
            KeyRule {
                guns: Guns::Below(prefix),
                algorithm: Some(ServerKeyAlgorithm::Ecdsa),
                ..KeyRule::default()
            },
            KeyRule { home: Some(Home::Token), ..KeyRule::default() },
        ];
        let default = KeyChoice { home: Home::Sealed, algorithm: ServerKeyAlgorithm::Ed25519 };
        assert_eq!(*policy.key_plan, KeyPlan { default, rules });
        assert_eq!(policy.timestamp_lifetime, chrono::Duration::hours(1));
        assert_eq!(policy.snapshot_lifetime, chrono::Duration::hours(2));
        assert_eq!(policy.max_version_step, None);
        assert_eq!(policy.backward_clock, BackwardClock::Allowed);
    }
}
