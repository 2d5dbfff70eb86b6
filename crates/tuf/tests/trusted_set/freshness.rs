//! Documents that were right once: rollback and freeze.

use chrono::{DateTime, Duration, Utc};
use countersign_tuf::trusted_set::{Attack, Limits};
use serde_json::json;

use crate::client::refresh;
use crate::mirror::{Mirror, now, role};

fn rolled_back(name: &str, trusted: i64, offered: i64) -> Attack {
    let version = |number| countersign_tuf::names::Version::new(number).unwrap();
    Attack::Rollback { role: role(name), trusted: version(trusted), offered: version(offered) }
}

fn frozen(attack: &Attack) -> &str {
    match attack {
        Attack::Freeze { role, .. } => role.as_str(),
        other => panic!("no freeze: {other}"),
    }
}

fn at(days: i64) -> DateTime<Utc> {
    now() + Duration::days(days)
}

#[test]
fn rollback_of_the_timestamp_is_refused() {
    let mut mirror = Mirror::new();
    let old = mirror.clone();
    mirror.stamp();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(old.next_refresh(&set).unwrap_err(), rolled_back("timestamp", 11, 10));
}

#[test]
fn rollback_of_the_snapshot_is_refused() {
    let mut mirror = Mirror::new();
    let old = mirror.repository.clone();
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    mirror.repository = old;
    mirror.stamp();
    assert_eq!(mirror.next_refresh(&set).unwrap_err(), rolled_back("snapshot", 2, 1));
}

#[test]
fn rollback_of_targets_is_refused() {
    let mut mirror = Mirror::new();
    mirror.repository.bump("targets");
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    mirror.repository.edit("targets", |targets| targets["version"] = json!(1));
    mirror.publish();
    assert_eq!(mirror.next_refresh(&set).unwrap_err(), rolled_back("targets", 2, 1));
}

#[test]
fn rollback_of_a_delegation_is_refused() {
    let mut mirror = Mirror::with_delegations(&["targets/a"]);
    mirror.repository.bump("targets/a");
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    mirror.repository.edit("targets/a", |targets| targets["version"] = json!(1));
    mirror.publish();
    assert_eq!(mirror.next_refresh(&set).unwrap_err(), rolled_back("targets/a", 2, 1));
}

#[test]
fn rollback_behind_a_refresh_that_failed_is_refused() {
    let mut mirror = Mirror::new();
    let old = mirror.clone();
    mirror.publish();
    let timestamp =
        mirror.begin(Limits::default()).update_timestamp(mirror.bytes("timestamp")).unwrap();
    timestamp.update_snapshot(old.bytes("snapshot")).unwrap_err();
    assert_eq!(
        refresh(&timestamp.refresh(now()), &old.served()).unwrap_err(),
        rolled_back("timestamp", 11, 10)
    );
}

#[test]
fn the_same_versions_again_are_believed() {
    let mirror = Mirror::with_delegations(&["targets/a"]);
    let set = mirror.first_refresh().unwrap();
    let again = mirror.next_refresh(&set).unwrap();
    assert_eq!(again.versions(), set.versions());
}

#[test]
fn freeze_of_the_timestamp_is_refused() {
    let mirror = Mirror::new();
    let set = mirror.first_refresh().unwrap();
    assert!(refresh(&set.refresh(at(14)), &mirror.served()).is_ok());
    let late = set.refresh(at(14) + Duration::nanoseconds(1));
    assert_eq!(frozen(&refresh(&late, &mirror.served()).unwrap_err()), "timestamp");
}

#[test]
fn freeze_of_snapshot_or_targets_is_refused() {
    for name in ["snapshot", "targets"] {
        let mut mirror = Mirror::new();
        let yesterday = mirror.repository.in_days(-1);
        mirror.repository.edit(name, |signed| signed["expires"] = json!(yesterday));
        mirror.publish();
        assert_eq!(frozen(&mirror.first_refresh().unwrap_err()), name);
    }
}

#[test]
fn freeze_of_the_root_is_refused() {
    let mut mirror = Mirror::new();
    mirror.stamp_with(|timestamp| timestamp["expires"] = json!("2046-01-01T00:00:00Z"));
    let set = mirror.first_refresh().unwrap();
    let late = set.refresh(at(3651));
    assert_eq!(frozen(&refresh(&late, &mirror.served()).unwrap_err()), "root");
}
