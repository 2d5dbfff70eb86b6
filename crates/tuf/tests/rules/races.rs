//! What a decision may rely on when others publish at the same time.

use crate::model::{Model, read, role};

#[test]
fn stored_documents_that_a_delegation_needs_are_its_missing_ancestors() {
    let model = Model::new();
    let mut repository = model.server_snapshot();
    for name in ["targets/a", "targets/a/b"] {
        let key = repository.new_ecdsa_key();
        repository.add_delegation(name, key);
    }
    let needed = |roles: &[&str]| {
        let update = read(&repository.parts(roles));
        update.stored_roles_needed(None).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(needed(&["targets/a/b"]), [role("targets"), role("targets/a")]);
    assert_eq!(needed(&["targets", "targets/a/b"]), [role("targets/a")]);
    assert!(needed(&["root", "targets"]).is_empty());
}

#[test]
fn only_what_a_snapshot_names_anew_must_be_stored() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    let current = model.snapshot();
    repository.bump("snapshot");
    let update = read(&repository.parts(&["snapshot"]));
    assert!(update.new_claims(current.as_ref()).is_empty());
    repository.add_target("targets", "v1", b"one");
    let update = read(&repository.parts(&["snapshot"]));
    let claims: Vec<_> = update.new_claims(current.as_ref()).into_iter().map(|(r, _)| r).collect();
    assert_eq!(claims, [role("targets")]);
}
