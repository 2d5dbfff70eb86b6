//! Random walks: collections that live through publishes of every kind, good and bad, with one
//! another's requests in between. What happens follows from the seed alone.

use countersign_forge::faults::{self, Fault};
use countersign_forge::repository::Repository;
use http::Method;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, RngCore as _, SeedableRng as _};

use super::moves;
use crate::exchange::Call;
use crate::outcome::Content;
use crate::step::{Act, Effect, Scene, Start, Step};
use crate::world::{SnapshotHolder, World};

/// How many collections are alive at a time.
const WALKS: usize = 8;

/// The steps of a seed, apart from those that make a collection ready.
const STEPS: usize = 600;

/// The steps.
pub(crate) fn steps(seed: u64) -> Vec<Step> {
    let mut dice = StdRng::seed_from_u64(seed);
    (0..STEPS).map(|_| step(dice.random_range(0..WALKS), dice.next_u64())).collect()
}

/// A step of one walk; `luck` decides everything about it.
fn step(walk: usize, luck: u64) -> Step {
    let mut dice = StdRng::seed_from_u64(luck);
    let kind = dice.random_range(0..100);
    let dice = move || StdRng::seed_from_u64(luck.wrapping_add(1));
    match kind {
        0..7 => {
            let holder = if kind < 4 { SnapshotHolder::Client } else { SnapshotHolder::Server };
            let scene = Scene::Walk(walk, Start::Unknown);
            Step::new(format!("walk/{walk} first"), scene, Content::Plain, move |world, gun| {
                first(&mut dice(), world, gun, holder)
            })
        }
        7..9 => asking(walk, "delete", Content::Plain, |_, gun| {
            let path = format!("/v2/{gun}/_trust/tuf/");
            Act::teaching(Call::bare(Method::DELETE, path), Effect::Forget)
        }),
        9..12 => asking(walk, "key", Content::Key, move |_, gun| {
            let role = ["timestamp", "snapshot"].choose(&mut dice()).unwrap();
            let call = Call::get(format!("/v2/{gun}/_trust/tuf/{role}.key"));
            Act::teaching(call, Effect::KeyAgain((*role).to_owned())).telling(format!(" {role}"))
        }),
        12..18 => asking(walk, "document", Content::Document, move |world, gun| {
            document(&mut dice(), world, gun)
        }),
        18..21 => asking(walk, "changes/", Content::Changes, move |_, gun| {
            let count = dice().random_range(-6..7);
            Act::ask(Call::get(format!("/v2/{gun}/_trust/changefeed?records={count}")))
        }),
        _ => asking(walk, "next", Content::Plain, move |world, gun| next(&mut dice(), world, gun)),
    }
}

/// A step of a walk whose collection is published.
fn asking(
    walk: usize,
    what: &str,
    content: Content,
    make: impl Fn(&World, &str) -> Act + 'static,
) -> Step {
    Step::new(format!("walk/{walk} {what}"), Scene::Walk(walk, Start::Published), content, make)
}

/// A first publish.
fn first(dice: &mut StdRng, world: &World, gun: &str, holder: SnapshotHolder) -> Act {
    let mut repository = match dice.random_range(0..3) {
        0 => world.fresh(gun, holder),
        _ => world.furnished(gun, holder),
    };
    let told = moves::make_some(dice, &mut repository, world);
    let damaged = damage(dice, &mut repository);
    let roles = repository.roles().map(str::to_owned).collect();
    publish(dice, repository, roles, told, damaged)
}

/// A later publish.
fn next(dice: &mut StdRng, world: &World, gun: &str) -> Act {
    let before = world.repository(gun);
    let mut after = before.clone();
    let told = moves::make_some(dice, &mut after, world);
    if after.holds_snapshot_key() && dice.random_bool(0.95) {
        after.bump("snapshot");
    }
    let damaged = damage(dice, &mut after);
    let changed = after.roles().filter(|role| after.document(role) != before.document(role));
    let changed = changed.map(str::to_owned).collect();
    publish(dice, after, changed, told, damaged)
}

/// No, one or two faults, each with the role whose document has it.
fn damage(dice: &mut StdRng, repository: &mut Repository) -> Vec<(&'static str, String)> {
    let count = [0, 0, 0, 0, 1, 1, 1, 2, 2].choose(dice).copied().unwrap_or(0);
    let mut damaged = Vec::new();
    for _ in 0..count {
        let roles: Vec<String> = repository.roles().map(str::to_owned).collect();
        let role = roles.choose(dice).unwrap();
        let fitting: Vec<&Fault> = faults::all().filter(|fault| fault.fits(role)).collect();
        let fault = fitting.choose(dice).unwrap();
        fault.apply(repository, role);
        damaged.push((fault.name, role.clone()));
    }
    damaged
}

/// Publishes `roles`, sometimes more or fewer, in some order. Damaged documents are always sent:
/// a step's name tells its own faults only.
fn publish(
    dice: &mut StdRng,
    repository: Repository,
    mut roles: Vec<String>,
    mut told: Vec<String>,
    damaged: Vec<(&'static str, String)>,
) -> Act {
    match dice.random_range(0..20) {
        0 | 1 => roles = repository.roles().map(str::to_owned).collect(),
        2 | 3 if !roles.is_empty() => {
            roles.swap_remove(dice.random_range(0..roles.len()));
        }
        4 => roles.retain(|role| role != "snapshot"),
        5 => roles = repository.roles().filter(|_| dice.random()).map(str::to_owned).collect(),
        _ => {}
    }
    for (fault, role) in damaged {
        told.push(format!("fault/{fault}/{role}"));
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if dice.random_bool(0.3) {
        roles.shuffle(dice);
    }
    told.push(format!("of {}", roles.join(" ")));
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    Act::publish(repository, &roles).telling(format!(": {}", told.join(", ")))
}

/// A GET of what the collection has, or had, or never had.
fn document(dice: &mut StdRng, world: &World, gun: &str) -> Act {
    let repository = world.repository(gun);
    let roles: Vec<&str> = repository.roles().chain(["timestamp", "targets/z"]).collect();
    let role = roles.choose(dice).unwrap();
    let (file, told) = match dice.random_range(0..3) {
        0 => (format!("{role}.json"), format!(" {role}")),
        1 => {
            let version = dice.random_range(1..12);
            (format!("{version}.{role}.json"), format!(" {version}.{role}"))
        }
        _ => {
            let digest = |bytes| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
            let digest = repository.document(role).map(|document| digest(document.to_bytes()));
            let digest = digest.unwrap_or_else(|| "0".repeat(64));
            (format!("{role}.{digest}.json"), format!(" {role} by digest"))
        }
    };
    Act::ask(Call::get(format!("/v2/{gun}/_trust/tuf/{file}"))).telling(told)
}
