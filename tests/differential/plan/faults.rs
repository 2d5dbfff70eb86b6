//! Every fault of the forge, in every document it fits.

use countersign_forge::faults::{self, Fault, Target};
use countersign_forge::repository::Repository;

use crate::outcome::Content;
use crate::step::{Act, Scene, Start, Step};
use crate::world::SnapshotHolder;

/// The steps: later publishes with the snapshot of the client or of the server; with the second
/// seed also first publishes whose root is at fault.
pub(crate) fn steps(seed: u64) -> Vec<Step> {
    let (holder, roles): (_, &[&'static str]) = if seed == 1 {
        (SnapshotHolder::Client, &["root", "targets", "snapshot", "targets/a"])
    } else {
        (SnapshotHolder::Server, &["root", "targets", "targets/a/b"])
    };
    let mut steps = Vec::new();
    for role in roles {
        for fault in faults::all().filter(|fault| fault.fits(role)) {
            steps.push(later(fault, role, holder));
        }
    }
    if seed != 1 {
        for fault in faults::all().filter(|fault| fault.fits("root")) {
            steps.push(first(fault, SnapshotHolder::Client));
        }
        let of_snapshot = faults::all().filter(|fault| fault.target == Target::Snapshot);
        for fault in of_snapshot {
            steps.push(alone(fault));
        }
    }
    steps
}

/// Everything at its next version, one document at fault.
fn later(fault: &'static Fault, role: &'static str, holder: SnapshotHolder) -> Step {
    let name = format!("fault/{}/{role}", fault.name);
    step(name, Scene::Stage(holder, Start::Published), move |world, gun| {
        let mut next = next(world.repository(gun));
        fault.apply(&mut next, role);
        Act::publish_all(next)
    })
}

/// A first publish whose root is at fault.
fn first(fault: &'static Fault, holder: SnapshotHolder) -> Step {
    let name = format!("fault/{}/first root", fault.name);
    step(name, Scene::Stage(holder, Start::Unknown), move |world, gun| {
        let mut first = world.furnished(gun, holder);
        fault.apply(&mut first, "root");
        Act::publish_all(first)
    })
}

/// A snapshot at fault, published by itself.
fn alone(fault: &'static Fault) -> Step {
    let name = format!("fault/{}/snapshot alone", fault.name);
    let scene = Scene::Stage(SnapshotHolder::Client, Start::Published);
    step(name, scene, move |world, gun| {
        let mut next = world.repository(gun);
        next.bump("snapshot");
        fault.apply(&mut next, "snapshot");
        Act::publish(next, &["snapshot"])
    })
}

/// The collection with every version raised by one.
pub(crate) fn next(mut repository: Repository) -> Repository {
    repository.bump_all();
    repository
}

fn step(
    name: String,
    scene: Scene,
    make: impl Fn(&crate::world::World, &str) -> Act + 'static,
) -> Step {
    Step::new(name, scene, Content::Plain, make)
}
