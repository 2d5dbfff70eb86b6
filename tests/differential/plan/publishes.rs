//! Good publishes in a row, and refusals between them that must leave nothing behind.

use countersign_forge::faults;
use serde_json::json;

use crate::outcome::Content;
use crate::step::{Act, Scene, Start, Step};
use crate::world::{SnapshotHolder, World};

/// One story per holder of the snapshot key, of publishes that every server accepts or refuses.
pub(crate) fn complete(seed: u64) -> Vec<Step> {
    let mut steps = story(&gun(seed, "app"), SnapshotHolder::Client);
    steps.extend(story(&gun(seed, "served"), SnapshotHolder::Server));
    steps
}

/// Sets of roles that are published first, or later, without the others.
const SETS: &[&[&str]] = &[
    &[],
    &["targets"],
    &["snapshot"],
    &["targets", "snapshot"],
    &["targets/a"],
    &["targets/a", "snapshot"],
    &["root"],
    &["root", "targets"],
    &["root", "snapshot"],
    &["root", "targets", "snapshot"],
    &["root", "targets/a", "snapshot"],
    &["targets/a/b", "snapshot"],
    &["root", "targets", "targets/a", "snapshot"],
    &["root", "targets", "snapshot", "targets/a/b"],
    &["root", "targets", "targets/a", "targets/a/b", "snapshot"],
];

/// First publishes of some roles only, each at a GUN of its own.
pub(crate) fn incomplete(seed: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    for (number, set) in SETS.iter().enumerate() {
        for holder in [SnapshotHolder::Client, SnapshotHolder::Server] {
            let gun = gun(seed, &format!("first-{number}-{holder:?}").to_lowercase());
            let mut story = Story::new(&gun);
            story.publish(&format!("first of {set:?}"), move |world, gun| {
                Act::publish(world.furnished(gun, holder), set)
            });
            steps.extend(story.steps);
        }
    }
    steps
}

/// Later publishes of some roles only, each role at its next version.
pub(crate) fn later(seed: u64) -> Vec<Step> {
    let holder = if seed == 1 { SnapshotHolder::Client } else { SnapshotHolder::Server };
    let step = |set: &'static [&'static str]| {
        let scene = Scene::Stage(holder, Start::Published);
        Step::new(format!("publish/later of {set:?}"), scene, Content::Plain, move |world, gun| {
            let mut next = world.repository(gun);
            set.iter().filter(|role| **role != "snapshot").for_each(|role| next.bump(role));
            next.bump("snapshot");
            Act::publish(next, set)
        })
    };
    SETS.iter().map(|set| step(set)).collect()
}

fn gun(seed: u64, name: &str) -> String {
    format!("example.com/publishes-{seed}/{name}")
}

/// First, later, partial publishes; delegations; rotations of every kind.
fn story(gun: &str, holder: SnapshotHolder) -> Vec<Step> {
    let mut story = Story::new(gun);
    story.publish("first", move |world, gun| Act::publish_all(world.fresh(gun, holder)));
    story.publish("the same again", |world, gun| Act::publish_all(world.repository(gun)));
    story.publish("targets and snapshot", |world, gun| {
        let mut next = world.repository(gun);
        next.add_target("targets", "v1", b"one");
        next.bump("snapshot");
        Act::publish(next, &["targets", "snapshot"])
    });
    story.publish("targets without snapshot", |world, gun| {
        let mut next = world.repository(gun);
        next.add_target("targets", "v2", b"two");
        next.bump("snapshot");
        Act::publish(next, &["targets"])
    });
    story.publish("snapshot without targets", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("snapshot");
        Act::publish(next, &["snapshot"])
    });
    story.publish("nothing", |world, gun| Act::publish(world.repository(gun), &[]));
    delegations(&mut story);
    story.publish("expired targets", |world, gun| {
        let mut next = super::faults::next(world.repository(gun));
        faults::named("expires-past").unwrap().apply(&mut next, "targets");
        Act::publish_all(next)
    });
    rotations(&mut story);
    handover(&mut story, holder);
    removal(&mut story);
    story.steps
}

fn delegations(story: &mut Story) {
    story.publish("delegation and its parent", |world, gun| {
        let mut next = world.repository(gun);
        let key = next.new_ecdsa_key();
        next.add_delegation("targets/a", key);
        next.bump("snapshot");
        Act::publish(next, &["targets", "targets/a", "snapshot"])
    });
    story.publish("everything but root", |world, gun| {
        let mut next = world.repository(gun);
        let key = next.new_root_key();
        next.add_delegation("targets/a/b", key);
        next.add_target("targets/a/b", "v3", b"three");
        next.bump("targets");
        next.bump("snapshot");
        Act::publish(next, &["targets", "targets/a", "targets/a/b", "snapshot"])
    });
    story.publish("nested delegation without snapshot", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("targets/a/b");
        Act::publish(next, &["targets/a/b"])
    });
    story.publish("nested delegation and snapshot", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("targets/a/b");
        next.bump("snapshot");
        Act::publish(next, &["targets/a/b", "snapshot"])
    });
    story.publish("targets jump five versions", |world, gun| {
        let mut next = world.repository(gun);
        next.edit("targets", |targets| {
            let version = targets["version"].as_u64().unwrap();
            targets["version"] = json!(version + 5);
        });
        next.bump("snapshot");
        Act::publish(next, &["targets", "snapshot"])
    });
}

fn rotations(story: &mut Story) {
    story.publish("targets key rotated", |world, gun| {
        let mut next = world.repository(gun);
        let key = next.new_ed25519_key();
        next.rotate("targets", key);
        next.bump("targets");
        next.bump("snapshot");
        Act::publish(next, &["root", "targets", "snapshot"])
    });
    story.publish("root key rotated", |world, gun| {
        let mut next = world.repository(gun);
        let key = next.new_root_key();
        next.rotate("root", key);
        next.bump("snapshot");
        Act::publish(next, &["root", "snapshot"])
    });
    story.publish("root signed by its own key only", |world, gun| {
        let mut next = world.repository(gun);
        next.forget_former_root_keys();
        next.bump("root");
        next.bump("snapshot");
        Act::publish(next, &["root", "snapshot"])
    });
    story.publish("root that skips a version", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("root");
        next.bump("root");
        next.bump("snapshot");
        Act::publish(next, &["root", "snapshot"])
    });
}

/// The snapshot key changes hands.
fn handover(story: &mut Story, holder: SnapshotHolder) {
    match holder {
        SnapshotHolder::Client => {
            story.publish("snapshot key given to the server", |world, gun| {
                let mut next = world.repository(gun);
                next.rotate_to_server("snapshot", &world.key(gun, "snapshot"));
                Act::publish(next, &["root"])
            })
        }
        SnapshotHolder::Server => {
            story.publish("snapshot key taken by the client", |world, gun| {
                let mut next = world.repository(gun);
                let key = next.new_ecdsa_key();
                next.rotate_snapshot_to_client(key, 100);
                Act::publish(next, &["root", "snapshot"])
            })
        }
    }
    if holder == SnapshotHolder::Client {
        // The server holds the snapshot key by now, and hashes what is stored.
        story.publish("targets key rotated without targets", |world, gun| {
            let mut next = world.repository(gun);
            let key = next.new_ecdsa_key();
            next.rotate("targets", key);
            Act::publish(next, &["root"])
        });
    }
    story.publish("targets at their next version", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("targets");
        next.bump("snapshot");
        Act::publish(next, &["targets", "snapshot"])
    });
}

fn removal(story: &mut Story) {
    story.publish("delegation removed", |world, gun| {
        let mut next = world.repository(gun);
        next.edit("targets", |targets| {
            targets["delegations"] = json!({"keys": {}, "roles": []});
        });
        next.bump("targets");
        next.bump("snapshot");
        Act::publish(next, &["targets", "snapshot"])
    });
    story.publish("removed delegation", |world, gun| {
        let mut next = world.repository(gun);
        next.bump("targets/a");
        next.bump("snapshot");
        Act::publish(next, &["targets/a", "snapshot"])
    });
}

struct Story {
    gun: String,
    steps: Vec<Step>,
}

impl Story {
    fn new(gun: &str) -> Self {
        Self { gun: gun.to_owned(), steps: super::keys::offered(gun) }
    }

    fn publish(&mut self, what: &str, make: impl Fn(&World, &str) -> Act + 'static) {
        let name = format!("publish/{} {what}", self.gun);
        let scene = Scene::Story(self.gun.clone());
        self.steps.push(Step::new(name, scene, Content::Plain, make));
    }
}
