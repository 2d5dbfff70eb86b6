//! `GET` and `POST …key`, before and after the root names a key (server spec 5.2).

use http::Method;

use crate::exchange::Call;
use crate::outcome::Content;
use crate::step::{Act, Effect, Scene, Step};
use crate::world::SnapshotHolder;

/// Asks for both server-held keys of `gun` and remembers them.
pub(crate) fn offered(gun: &str) -> Vec<Step> {
    ["timestamp", "snapshot"].map(|role| key(Method::GET, gun, role)).into()
}

/// The steps.
pub(crate) fn steps() -> Vec<Step> {
    let gun = "example.com/keys/app";
    let mut steps = offered(gun);
    steps.push(same(gun, "timestamp"));
    steps.push(key(Method::POST, gun, "timestamp"));
    steps.push(publish(gun, "first", |world, gun| {
        Act::publish_all(world.fresh(gun, SnapshotHolder::Server))
    }));
    for role in ["timestamp", "snapshot"] {
        steps.push(same(gun, role));
        steps.push(key(Method::POST, gun, role));
        steps.push(different(gun, role));
        steps.push(publish(gun, "with rotated key", move |world, gun| {
            let mut next = world.repository(gun);
            next.rotate_to_server(role, &world.key(gun, role));
            Act::publish(next, &["root"])
        }));
        steps.push(same(gun, role));
    }
    steps.push(publish(gun, "with another collection's key", |world, gun| {
        let mut next = world.repository(gun);
        next.rotate_to_server("timestamp", &world.key("example.com/routes/app", "timestamp"));
        Act::publish(next, &["root"])
    }));
    steps.push(publish(gun, "with the snapshot's key for timestamp", |world, gun| {
        let mut next = world.repository(gun);
        next.rotate_to_server("timestamp", &world.key(gun, "snapshot"));
        Act::publish(next, &["root"])
    }));
    steps
}

fn key(method: Method, gun: &str, role: &str) -> Step {
    let name = format!("key/{method} {role}");
    let path = format!("/v2/{gun}/_trust/tuf/{role}.key");
    let role = role.to_owned();
    Step::new(name, Scene::Story(gun.to_owned()), Content::Key, move |_, _| {
        Act::teaching(Call::bare(method.clone(), path.clone()), Effect::Key(role.clone()))
    })
}

/// Asks again; the key must be the one that the client has.
fn same(gun: &str, role: &str) -> Step {
    again(gun, role, "same")
}

/// Asks again; the key must not be the one that the client has (a rotation has just given that).
fn different(gun: &str, role: &str) -> Step {
    again(gun, role, "other")
}

fn again(gun: &str, role: &str, expected: &str) -> Step {
    let name = format!("key/GET {role} is the {expected} key");
    let path = format!("/v2/{gun}/_trust/tuf/{role}.key");
    let role = role.to_owned();
    Step::new(name, Scene::Story(gun.to_owned()), Content::Key, move |_, _| {
        Act::teaching(Call::get(path.clone()), Effect::KeyAgain(role.clone()))
    })
}

fn publish(
    gun: &str,
    what: &str,
    make: impl Fn(&crate::world::World, &str) -> Act + 'static,
) -> Step {
    let name = format!("key/publish {what}");
    Step::new(name, Scene::Story(gun.to_owned()), Content::Plain, make)
}
