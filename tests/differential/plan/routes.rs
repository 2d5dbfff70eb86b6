//! Every route, with good and odd paths, methods, digests and versions (server spec 1.2).

use http::Method;

use crate::exchange::Call;
use crate::outcome::Content;
use crate::step::{Act, Effect, Scene, Step};
use crate::world::SnapshotHolder;

/// Paths outside any collection.
const PLACES: &[&str] = &[
    "/",
    "/v2",
    "/v2/",
    "/v2/?x=1",
    "/v3/",
    "/V2/",
    "/_notary_server/health",
    "/_notary_server/health/",
    "/_notary_server",
    "/v2/_trust/changefeed",
    "/v2/_trust/tuf/",
    "/v2/_trust/tuf/root.json",
    "//",
    "/v2//",
    "/v2/./",
    "/v2/../v2/",
    "/v2/example.com//app/_trust/tuf/root.json",
    "/v2/example.com/./app/_trust/tuf/root.json?x=%20y",
    "/v2/example.com/x/../app/_trust/tuf/root.json",
    "/v2/%2e%2e/_trust/tuf/root.json",
    "/v2/a%2F%2Fb/_trust/tuf/root.json",
    "/v2/*/_trust/tuf/root.json",
    "/v2/a%2Ab/_trust/tuf/root.json",
    "/v2/a%00b/_trust/tuf/root.json",
    "/v2/a%0Ab/_trust/tuf/root.json",
    "/v2/a%FFb/_trust/tuf/root.json",
    "/v2/a%20b/_trust/tuf/root.json",
    "/v2/%C3%A9/_trust/tuf/root.json",
    "/v2/_trust/_trust/tuf/root.json",
    "/v2/a/_trust/tuf/b/_trust/tuf/root.json",
    "/v2/127.0.0.1:5000/a/b/_trust/tuf/root.json",
    "/v2/a/_trust/tuf",
    "/v2/a/_trust/",
    "/v2/a/_trust",
    "/v2/a/_trust/changefeed/",
    "/v2/a",
];

/// File names below a collection's `_trust/tuf/`, whether or not there is such a document.
const FILES: &[&str] = &[
    "",
    "root.json",
    "targets.json",
    "snapshot.json",
    "timestamp.json",
    "targets/a.json",
    "targets/a/b.json",
    "targets/unknown.json",
    "targets/A.json",
    "targets/a/.json",
    "targets//a.json",
    "targets/../a.json",
    "targets/a%20b.json",
    "targets/a%2Fb.json",
    "targets/a b.json",
    "targets.json/",
    "targets/.json",
    "targets/a",
    "root",
    "Root.json",
    "mirrors.json",
    "root.json.json",
    "root.JSON",
    "root.json?x=1",
    "1.root.json",
    "01.root.json",
    "001.root.json",
    "0.root.json",
    "00.root.json",
    "2.root.json",
    "-1.root.json",
    "+1.root.json",
    "1.0.root.json",
    "10203.root.json",
    "1.targets.json",
    "4.targets.json",
    "1.snapshot.json",
    "1.timestamp.json",
    "1.targets/a.json",
    "2.targets/a.json",
    "1.targets/a/b.json",
    "1.mirrors.json",
    "2147483647.root.json",
    "2147483648.root.json",
    "9223372036854775807.root.json",
    "9223372036854775808.root.json",
    "99999999999999999999.root.json",
    "root.abc.json",
    "root..json",
    "timestamp.key",
    "snapshot.key",
    "targets.key",
    "root.key",
    "timestamp.key/",
    "Timestamp.key",
];

const METHODS: [Method; 4] = [Method::POST, Method::PUT, Method::DELETE, Method::HEAD];

const GUN: &str = "example.com/routes/app";

/// The steps.
pub(crate) fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for place in PLACES {
        steps.push(plain(Method::GET, place));
    }
    for gun in ["example.com/routes/unknown", GUN] {
        if gun == GUN {
            steps.extend(published());
        }
        for file in FILES {
            // Spaces cannot be written in a request line.
            let file = file.replace(' ', "%20");
            let path = format!("/v2/{gun}/_trust/tuf/{file}");
            let content = if file.ends_with("key") { Content::Key } else { Content::Document };
            steps.push(step(Method::GET, &path, content));
        }
    }
    for method in METHODS {
        for path in ["/v2/", "/", "/_notary_server/health", "/v2/_trust/changefeed"] {
            steps.push(plain(method.clone(), path));
        }
        for file in ["root.json", "1.root.json", "targets.key", "changefeed", "unknown"] {
            let path = format!("/v2/{GUN}/_trust/tuf/{file}");
            steps.push(plain(method.clone(), &path));
        }
    }
    for method in ["PATCH", "OPTIONS", "TRACE", "BREW", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for path in ["/v2/", "/v2//", &format!("/v2/{GUN}/_trust/tuf/root.json")] {
            steps.push(plain(method.clone(), path));
        }
    }
    steps.extend(digests());
    steps.extend(deletion());
    steps
}

fn plain(method: Method, path: &str) -> Step {
    step(method, path, Content::Plain)
}

fn step(method: Method, path: &str, content: Content) -> Step {
    let call = Call::bare(method.clone(), path);
    let name = format!("route/{method} {path}");
    Step::new(name, scene(), content, move |_, _| Act::ask(call.clone()))
}

fn scene() -> Scene {
    Scene::Story(GUN.to_owned())
}

/// Asks for the keys and publishes a furnished collection.
fn published() -> Vec<Step> {
    let mut steps = super::keys::offered(GUN);
    steps.push(Step::new("route/publish", scene(), Content::Plain, |world, gun| {
        Act::publish_all(world.furnished(gun, SnapshotHolder::Client))
    }));
    steps
}

/// Documents by digest, under their own and other roles and collections, in odd spellings.
fn digests() -> Vec<Step> {
    let mut steps = Vec::new();
    for role in ["root", "targets", "snapshot", "timestamp", "targets/a"] {
        let file = format!("{role}.json");
        let path = format!("/v2/{GUN}/_trust/tuf/{file}");
        let name = format!("route/digest of {role}");
        steps.push(Step::new(name, scene(), Content::Document, move |_, _| {
            Act::teaching(Call::get(path.clone()), Effect::Digest(file.clone()))
        }));
        for other in ["root", "targets", "snapshot", "timestamp", "targets/a", "mirrors"] {
            steps.push(by_digest(role, other, GUN, "exact", |digest| digest));
        }
        steps.push(by_digest(role, role, "example.com/routes/unknown", "exact", |digest| digest));
        steps.push(by_digest(role, role, GUN, "upper case", |d| d.to_uppercase()));
        steps.push(by_digest(role, role, GUN, "short", |d| d.chars().skip(1).collect()));
        steps.push(by_digest(role, role, GUN, "long", |d| format!("{d}0")));
        steps.push(by_digest(role, role, GUN, "of SHA-384's length", |d| {
            format!("{d}{}", "0".repeat(32))
        }));
        steps.push(by_digest(role, role, GUN, "of SHA-512's length", |d| format!("{d}{d}")));
        steps.push(by_digest(role, role, GUN, "unknown", |_| "0".repeat(64)));
    }
    steps
}

fn by_digest(
    of: &str,
    role: &str,
    at: &str,
    spelling: &str,
    spell: impl Fn(String) -> String + 'static,
) -> Step {
    let name = format!("route/{role} of {at} by digest of {of}, {spelling}");
    let (file, role, at) = (format!("{of}.json"), role.to_owned(), at.to_owned());
    Step::new(name, scene(), Content::Document, move |world, gun| {
        let digest = world.digests[&(gun.to_owned(), file.clone())].clone();
        Act::ask(Call::get(format!("/v2/{at}/_trust/tuf/{role}.{}.json", spell(digest))))
    })
}

/// Deletes the collection, and a neighbour that is not there; then nothing is found any more.
fn deletion() -> Vec<Step> {
    let mut steps = Vec::new();
    for gun in ["example.com/routes", "example.com/routes/ap", GUN, GUN] {
        let path = format!("/v2/{gun}/_trust/tuf/");
        let name = format!("route/delete {gun}");
        steps.push(Step::new(name, scene(), Content::Plain, move |_, own| {
            let effect = if path.contains(own) { Effect::Forget } else { Effect::Nothing };
            Act::teaching(Call::bare(Method::DELETE, path.clone()), effect)
        }));
        for file in ["root.json", "1.root.json", "timestamp.json", "targets/a.json"] {
            let path = format!("/v2/{GUN}/_trust/tuf/{file}");
            steps.push(step(Method::GET, &path, Content::Document));
        }
        steps.push(by_digest("root", "root", GUN, "after deletion", |digest| digest));
    }
    steps.extend(super::keys::offered(GUN));
    steps.push(Step::new("route/publish after deletion", scene(), Content::Plain, |world, gun| {
        Act::publish_all(world.fresh(gun, SnapshotHolder::Client))
    }));
    steps.push(step(Method::GET, &format!("/v2/{GUN}/_trust/tuf/root.json"), Content::Document));
    steps
}
