//! Documents of different states of one repository, served together.

use countersign_tuf::trusted_set::{Attack, Mismatch};
use serde_json::json;

use crate::client::refresh;
use crate::mirror::{Mirror, now, role};

/// Serves one document of an earlier state and everything else of the newest.
fn mixed(name: &str) -> Attack {
    let mut mirror = Mirror::with_delegations(&["targets/a"]);
    let set = mirror.first_refresh().unwrap();
    let old = mirror.bytes(name);
    mirror.repository.bump_all();
    mirror.publish();
    let mut served = mirror.served();
    let mut chain = set.refresh(now());
    if name != "root" {
        chain.update_root(mirror.bytes("root")).unwrap();
    }
    served.insert(role(name), old);
    refresh(&chain, &served).unwrap_err()
}

#[test]
fn document_of_an_earlier_state_is_refused() {
    for name in ["snapshot", "root", "targets", "targets/a"] {
        let refused = mixed(name);
        assert!(
            matches!(&refused, Attack::MixAndMatch { role, fault: Mismatch::Hash(_) } if role.as_str() == name),
            "{name}: {refused}"
        );
    }
}

#[test]
fn each_hash_that_is_stated_must_match() {
    for algorithm in ["sha256", "sha512"] {
        for named in ["root", "targets", "targets/a"] {
            let mut mirror = Mirror::with_delegations(&["targets/a"]);
            let of_other =
                mirror.timestamp.value()["meta"]["snapshot"]["hashes"][algorithm].clone();
            mirror.repository.damage("snapshot", |snapshot| {
                snapshot.edit(|signed| signed["meta"][named]["hashes"][algorithm] = of_other);
            });
            resign_snapshot(&mut mirror);
            let refused = mirror.first_refresh().unwrap_err();
            assert!(
                matches!(&refused, Attack::MixAndMatch { role, .. } if role.as_str() == named),
                "{algorithm} of {named}: {refused}"
            );
        }
    }
}

#[test]
fn length_that_is_stated_must_be_exact_and_may_be_left_out() {
    for (length, good) in [(json!(1), false), (json!(1_000_000), false), (json!(null), true)] {
        let mut mirror = Mirror::new();
        mirror.repository.damage("snapshot", |snapshot| {
            snapshot.edit(|signed| signed["meta"]["targets"]["length"] = length.clone());
        });
        resign_snapshot(&mut mirror);
        match mirror.first_refresh() {
            Ok(_) => assert!(good, "{length}"),
            Err(refused) => assert!(
                !good
                    && matches!(
                        refused,
                        Attack::MixAndMatch { fault: Mismatch::Length { .. }, .. }
                    ),
                "{length}: {refused}"
            ),
        }
    }
}

fn resign_snapshot(mirror: &mut Mirror) {
    let keys = mirror.repository.keys("snapshot").to_vec();
    mirror.repository.damage("snapshot", |snapshot| snapshot.sign(&keys));
    mirror.stamp();
}
