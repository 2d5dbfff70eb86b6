//! Every member of every document damaged in turn, signed again or not.

use countersign_forge::damage::{self, Damage};
use countersign_forge::repository::Repository;
use serde_json::{Value, json};

use super::faults::next;
use crate::outcome::Content;
use crate::step::{Act, Scene, Start, Step};
use crate::world::{SnapshotHolder, World};

/// The steps: with the first seed every damage of root and snapshot, with the second every
/// damage of targets and a delegation; each member once more without a fresh signature.
pub(crate) fn steps(seed: u64) -> Vec<Step> {
    let (holder, roles) = if seed == 1 {
        (SnapshotHolder::Client, ["root", "snapshot"])
    } else {
        (SnapshotHolder::Server, ["targets", "targets/a"])
    };
    let sample = sample(holder);
    let mut steps = Vec::new();
    for role in roles {
        let places = places(&sample.document(role).unwrap().value());
        for (index, place) in places.into_iter().enumerate() {
            for damage in Damage::ALL {
                steps.push(signed(role, &place.name, damage, holder));
            }
            let damage = Damage::ALL[index % Damage::ALL.len()];
            steps.push(unsigned(role, &place.name, damage, holder));
        }
    }
    steps
}

/// A collection with the members that every collection of the stage has.
fn sample(holder: SnapshotHolder) -> Repository {
    let gun = "example.com/sample";
    let mut world = World::new(0, chrono::DateTime::UNIX_EPOCH);
    for role in ["timestamp", "snapshot"] {
        let public = json!({"keytype": "ecdsa", "keyval": {"private": null, "public": role}});
        world.keys.insert((gun.to_owned(), role.to_owned()), public);
    }
    world.furnished(gun, holder)
}

/// A member of a document.
struct Place {
    /// Its JSON pointer with key IDs replaced by the roles that list them: the same for every
    /// server's keys.
    name: String,
    pointer: String,
}

fn places(signed: &Value) -> Vec<Place> {
    let mut owners: Vec<(String, String)> = Vec::new();
    for (role, listed) in signed["roles"].as_object().into_iter().flatten() {
        owners.push((listed["keyids"][0].as_str().unwrap().to_owned(), format!("<{role}'s key>")));
    }
    for listed in signed["delegations"]["roles"].as_array().into_iter().flatten() {
        let name = listed["name"].as_str().unwrap().replace('/', "-");
        owners.push((listed["keyids"][0].as_str().unwrap().to_owned(), format!("<{name}'s key>")));
    }
    let place = |pointer: String| {
        let name = owners.iter().fold(pointer.clone(), |name, (id, to)| name.replace(id, to));
        Place { name, pointer }
    };
    damage::pointers(signed).into_iter().map(place).collect()
}

fn signed(role: &'static str, place: &str, damage: Damage, holder: SnapshotHolder) -> Step {
    let name = format!("damage/{role}{place}/{damage:?}/signed");
    let place = place.to_owned();
    step(name, holder, move |mut next| {
        next.edit(role, |signed| change(signed, &place, damage));
        next
    })
}

fn unsigned(role: &'static str, place: &str, damage: Damage, holder: SnapshotHolder) -> Step {
    let name = format!("damage/{role}{place}/{damage:?}/unsigned");
    let place = place.to_owned();
    step(name, holder, move |mut next| {
        next.damage(role, |document| document.edit(|signed| change(signed, &place, damage)));
        next
    })
}

fn change(signed: &mut Value, name: &str, damage: Damage) {
    let place = places(signed).into_iter().find(|place| place.name == name).unwrap();
    if let Some(damaged) = damage::apply(signed, &place.pointer, damage) {
        *signed = damaged;
    }
}

fn step(
    name: String,
    holder: SnapshotHolder,
    damaged: impl Fn(Repository) -> Repository + 'static,
) -> Step {
    let scene = Scene::Stage(holder, Start::Published);
    Step::new(name, scene, Content::Plain, move |world, gun| {
        Act::publish_all(damaged(next(world.repository(gun))))
    })
}
