//! Which signed names a client sees, and whose.

use countersign_tuf::trusted_set::TrustedSet;
use serde_json::json;

use crate::mirror::Mirror;

fn listed(set: &TrustedSet) -> Vec<(&str, &str)> {
    set.list().into_iter().map(|(name, found)| (name, found.role.as_str())).collect()
}

fn paths(mirror: &mut Mirror, lister: &str, index: usize, paths: &[&str]) {
    mirror.repository.edit(lister, |signed| {
        signed["delegations"]["roles"][index]["paths"] = json!(paths);
    });
    mirror.publish();
}

#[test]
fn paths_of_a_delegation_filter_its_names() {
    let mut mirror = Mirror::with_delegations(&["targets/a"]);
    for name in ["rel/1", "v1", "zzz"] {
        mirror.repository.add_target("targets/a", name, b"content");
    }
    paths(&mut mirror, "targets", 0, &["rel/", "v"]);
    let set = mirror.first_refresh().unwrap();
    assert_eq!(listed(&set), [("rel/1", "targets/a"), ("v1", "targets/a")]);
    assert!(set.lookup("zzz").is_none());
    paths(&mut mirror, "targets", 0, &[]);
    assert!(mirror.first_refresh().unwrap().list().is_empty());
}

#[test]
fn paths_of_a_delegation_filter_what_stands_below_it() {
    let mut mirror = Mirror::with_delegations(&["targets/a", "targets/a/b"]);
    for name in ["rel/1", "other"] {
        mirror.repository.add_target("targets/a/b", name, b"content");
    }
    paths(&mut mirror, "targets", 0, &["rel/"]);
    // The child's own path is everything, which its parent may not give.
    assert!(mirror.first_refresh().unwrap().list().is_empty());
    paths(&mut mirror, "targets/a", 0, &["rel/1", "other"]);
    assert_eq!(listed(&mirror.first_refresh().unwrap()), [("rel/1", "targets/a/b")]);
}

/// Seen with the `notary` client: it asks level by level, though it fetches in preorder.
#[test]
fn of_several_roles_that_sign_a_name_the_one_nearest_to_the_top_counts() {
    let mut mirror = Mirror::with_delegations(&["targets/b", "targets/a", "targets/b/c"]);
    for (role, content) in [("targets/b/c", &b"one"[..]), ("targets/a", b"second")] {
        mirror.repository.add_target(role, "v1", content);
    }
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    let found = set.lookup("v1").unwrap();
    assert_eq!((found.role.as_str(), found.target.length()), ("targets/a", 6));
    assert_eq!(set.list()["v1"], found);
}

#[test]
fn of_two_delegations_on_one_level_the_one_listed_first_counts() {
    let mut mirror = Mirror::with_delegations(&["targets/b", "targets/a"]);
    for role in ["targets/a", "targets/b"] {
        mirror.repository.add_target(role, "v1", b"content");
    }
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(set.lookup("v1").unwrap().role.as_str(), "targets/b");
    mirror.repository.add_target("targets", "v1", b"top");
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(set.lookup("v1").unwrap().role.as_str(), "targets");
}
