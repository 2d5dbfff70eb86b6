//! What may happen to a collection between two publishes, chosen by chance.

use countersign_forge::certificate::CertificateShape;
use countersign_forge::curve::Curve;
use countersign_forge::key::Key;
use countersign_forge::repository::Repository;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::json;

use crate::world::World;

type Move = fn(&mut StdRng, &mut Repository, &World);

const MOVES: &[(&str, Move)] = &[
    ("target", |dice, r, _| target(dice, r)),
    ("target", |dice, r, _| target(dice, r)),
    ("version", |dice, r, _| {
        let role = any_role(dice, r);
        r.bump(&role);
    }),
    ("versions skipped", |dice, r, _| {
        let role = any_role(dice, r);
        (0..dice.random_range(2..9)).for_each(|_| r.bump(&role));
    }),
    ("delegations", |dice, r, _| delegations(dice, r)),
    ("delegations", |dice, r, _| delegations(dice, r)),
    ("delegation removed", |dice, r, _| {
        if let Some(name) = any_delegation(dice, r) {
            r.remove_delegation(&name);
        }
    }),
    ("delegation keys", |dice, r, _| {
        if let Some(name) = any_delegation(dice, r) {
            let (keys, threshold) = keys(dice, r, any_key);
            r.rotate_delegation(&name, keys, threshold);
        }
    }),
    ("targets keys", |dice, r, _| {
        let (keys, threshold) = keys(dice, r, any_key);
        r.rotate_to_many("targets", keys, threshold);
        r.bump("targets");
    }),
    ("root keys", |dice, r, _| {
        let (keys, threshold) = keys(dice, r, root_key);
        r.rotate_to_many("root", keys, threshold);
    }),
    ("former root keys forgotten", |_, r, _| {
        r.forget_former_root_keys();
        r.bump("root");
    }),
    ("snapshot key changes hands", |dice, r, world| hand_over(dice, r, world)),
    ("expiry", |dice, r, _| {
        let role = any_role(dice, r);
        let date = r.in_days(*[-400, -1, 1, 30, 1095, 9000].choose(dice).unwrap());
        r.edit(&role, |signed| signed["expires"] = json!(date));
        r.bump(&role);
    }),
    ("signatures", |dice, r, _| {
        let role = any_role(dice, r);
        r.bump(&role);
        r.damage(&role, |document| {
            let again = document.signatures.clone();
            document.signatures.extend(again);
            document.signatures.shuffle(dice);
            let most = document.signatures.len();
            document.signatures.truncate(dice.random_range(0..=most));
        });
    }),
];

/// Makes one to three moves and says which.
pub(crate) fn make_some(dice: &mut StdRng, r: &mut Repository, world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..dice.random_range(1..4) {
        let (name, make) = MOVES.choose(dice).unwrap();
        make(dice, r, world);
        told.push((*name).to_owned());
    }
    told
}

fn any_role(dice: &mut StdRng, repository: &Repository) -> String {
    let roles: Vec<&str> = repository.roles().collect();
    (*roles.choose(dice).unwrap()).to_owned()
}

fn any_delegation(dice: &mut StdRng, repository: &Repository) -> Option<String> {
    let roles: Vec<&str> = repository.roles().filter(|role| role.starts_with("targets/")).collect();
    roles.choose(dice).map(|role| (*role).to_owned())
}

fn target(dice: &mut StdRng, repository: &mut Repository) {
    let role = any_delegation(dice, repository).filter(|_| dice.random());
    let role = role.unwrap_or_else(|| "targets".to_owned());
    let name = format!("v{}", dice.random_range(0..5));
    let content: [u8; 8] = dice.random();
    repository.add_target(&role, &name, &content);
    if dice.random_bool(0.3) {
        let custom = [json!({"a": [1, "<&>", null]}), json!("text"), json!(null), json!([7])];
        let custom = custom.choose(dice).cloned();
        repository.edit(&role, |signed| {
            if let Some(listed) = signed.pointer_mut(&format!("/targets/{name}")) {
                listed["custom"] = custom.into();
            }
        });
    }
}

/// Adds one to three delegations at once, up to three deep.
fn delegations(dice: &mut StdRng, repository: &mut Repository) {
    for _ in 0..dice.random_range(1..4) {
        let parent = any_delegation(dice, repository).filter(|_| dice.random());
        let parent = parent.filter(|parent| parent.matches('/').count() < 3);
        let parent = parent.unwrap_or_else(|| "targets".to_owned());
        let name = format!("{parent}/{}", ["a", "b", "c", "d_1", "e-2"].choose(dice).unwrap());
        if repository.document(&name).is_none() {
            let key = any_key(dice, repository);
            repository.add_delegation(&name, key);
        }
    }
}

fn hand_over(dice: &mut StdRng, repository: &mut Repository, world: &World) {
    if repository.holds_snapshot_key() {
        let listed = world.key(repository.gun(), "snapshot");
        repository.rotate_to_server("snapshot", &listed);
    } else {
        let key = any_key(dice, repository);
        repository.rotate_snapshot_to_client(key, dice.random_range(1..200));
    }
}

/// One to three keys, and mostly a threshold that they can reach.
fn keys(
    dice: &mut StdRng,
    repository: &mut Repository,
    make: fn(&mut StdRng, &mut Repository) -> Key,
) -> (Vec<Key>, u64) {
    let count = dice.random_range(1..4);
    let mut keys: Vec<Key> = Vec::new();
    for _ in 0..count {
        let key = make(dice, repository);
        // The forge has one RSA key. Listed twice in one role it counts twice for Go and once for
        // us: a decided difference, which has a fault of its own.
        let again = is_rsa(&key) && keys.iter().any(is_rsa);
        keys.push(match key.key_type() {
            "rsa" if again => repository.new_ecdsa_key(),
            "rsa-x509" if again => repository.new_root_key(),
            _ => key,
        });
    }
    let threshold = if dice.random_bool(0.9) { dice.random_range(1..=count) } else { count + 1 };
    (keys, threshold)
}

fn is_rsa(key: &Key) -> bool {
    key.key_type().starts_with("rsa")
}

/// A key of any type that Notary knows.
fn any_key(dice: &mut StdRng, repository: &mut Repository) -> Key {
    match dice.random_range(0..9) {
        0 => root_key(dice, repository),
        1 => Key::rsa(),
        2 => Key::rsa().signing_as("rsapkcs1v15"),
        3 | 4 => repository.new_ed25519_key(),
        5 => {
            let curve = *Curve::ALL.choose(dice).unwrap();
            Key::ecdsa_on(curve, repository.random())
        }
        _ => repository.new_ecdsa_key(),
    }
}

/// A key with a certificate of any type.
fn root_key(dice: &mut StdRng, repository: &mut Repository) -> Key {
    let shape = CertificateShape::of_client(repository.gun(), repository.now());
    match dice.random_range(0..6) {
        0 => Key::rsa_certificate(&shape),
        1 => Key::ecdsa_on(Curve::P384, repository.random()).with_certificate(&shape),
        _ => repository.new_root_key(),
    }
}
