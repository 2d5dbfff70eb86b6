//! Servers that send too much: each limit just under and just over.

use countersign_tuf::trusted_set::{Attack, Limits, RootChain};
use serde_json::json;

use crate::client::refresh;
use crate::mirror::{Mirror, gun, now, role};

fn attempt(mirror: &Mirror, limits: Limits) -> Result<(), Attack> {
    let chain = RootChain::begin(gun(), mirror.bytes("root"), now(), limits)?;
    refresh(&chain, &mirror.served()).map(|_| ())
}

/// Sets the limit of one role's bytes.
fn bytes_of(name: &str, limit: usize) -> Limits {
    let mut limits = Limits::default();
    match name {
        "root" => limits.root_bytes = limit,
        "timestamp" => limits.timestamp_bytes = limit,
        "snapshot" => limits.snapshot_bytes = limit,
        "targets" => limits.targets_bytes = limit,
        other => panic!("{other} has no limit of its own"),
    }
    limits
}

#[test]
fn endless_data_of_a_role_is_refused_just_over_its_limit() {
    let mirror = Mirror::new();
    for name in ["root", "timestamp", "snapshot", "targets"] {
        let length = mirror.bytes(name).len();
        assert_eq!(attempt(&mirror, bytes_of(name, length)), Ok(()), "{name}");
        let limit_bytes = length - 1;
        assert_eq!(
            attempt(&mirror, bytes_of(name, limit_bytes)),
            Err(Attack::EndlessData { role: role(name), limit_bytes })
        );
    }
}

#[test]
fn endless_data_of_the_next_root_is_refused() {
    let mut mirror = Mirror::new();
    let mut chain = mirror.begin(bytes_of("root", mirror.bytes("root").len()));
    mirror.repository.edit("root", |root| root["padding"] = json!("x".repeat(100)));
    mirror.repository.bump("root");
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert!(matches!(refused, Attack::EndlessData { .. }), "{refused}");
}

#[test]
fn endless_data_of_all_delegations_together_is_refused() {
    let mirror = Mirror::with_delegations(&["targets/a", "targets/b"]);
    let total: usize =
        ["targets", "targets/a", "targets/b"].iter().map(|name| mirror.bytes(name).len()).sum();
    let limits = |targets_total_bytes| Limits { targets_total_bytes, ..Limits::default() };
    assert_eq!(attempt(&mirror, limits(total)), Ok(()));
    assert_eq!(
        attempt(&mirror, limits(total - 1)),
        Err(Attack::EndlessData { role: role("targets/b"), limit_bytes: total - 1 })
    );
}

#[test]
fn endless_chain_of_roots_is_refused() {
    let mut mirror = Mirror::new();
    let limit = 3;
    let mut chain = mirror.begin(Limits { root_updates: limit, ..Limits::default() });
    for _ in 0..limit {
        mirror.repository.bump("root");
        chain.update_root(mirror.bytes("root")).unwrap();
    }
    mirror.repository.bump("root");
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert_eq!(refused, Attack::EndlessRoots { limit });
    assert_eq!(chain.root().version().get(), 4);
}

#[test]
fn the_limit_of_roots_begins_anew_with_each_refresh() {
    let mut mirror = Mirror::new();
    let mut chain = mirror.begin(Limits { root_updates: 1, ..Limits::default() });
    for _ in 0..3 {
        mirror.repository.bump("root");
        mirror.publish();
        chain.update_root(mirror.bytes("root")).unwrap();
        chain = refresh(&chain, &mirror.served()).unwrap().refresh(now());
    }
}

#[test]
fn endless_delegations_are_refused_just_over_the_limit() {
    let mirror = Mirror::with_delegations(&["targets/a", "targets/a/b", "targets/c"]);
    let limits = |delegations| Limits { delegations, ..Limits::default() };
    assert_eq!(attempt(&mirror, limits(3)), Ok(()));
    assert_eq!(attempt(&mirror, limits(2)), Err(Attack::EndlessDelegations { limit: 2 }));
}

/// One key, ten thousand listings, one document's bytes for all of them.
#[test]
fn ten_thousand_siblings_cost_no_more_than_the_limit() {
    let mut mirror = Mirror::with_delegations(&["targets/a"]);
    mirror.repository.edit("targets", |signed| {
        let first = signed["delegations"]["roles"][0].clone();
        let siblings = (0..10_000).map(|number| {
            let mut listed = first.clone();
            listed["name"] = json!(format!("targets/s{number}"));
            listed
        });
        signed["delegations"]["roles"] = siblings.collect();
    });
    let entry =
        mirror.repository.document("snapshot").unwrap().value()["meta"]["targets/a"].clone();
    let keys = mirror.repository.keys("snapshot").to_vec();
    mirror.repository.damage("snapshot", |snapshot| {
        snapshot.edit(|signed| {
            for number in 0..10_000 {
                signed["meta"][format!("targets/s{number}")] = entry.clone();
            }
        });
        snapshot.sign(&keys);
    });
    mirror.stamp();
    let mut served = mirror.served();
    let document = mirror.bytes("targets/a");
    served.extend((0..10_000).map(|n| (role(&format!("targets/s{n}")), document.clone())));
    let limit = 100;
    let chain = mirror.begin(Limits { delegations: limit, ..Limits::default() });
    assert_eq!(refresh(&chain, &served).unwrap_err(), Attack::EndlessDelegations { limit });
}
