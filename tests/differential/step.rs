//! One step of a plan: how its request is made from what the client knows of a server, and what
//! the client learns from the answer.

use countersign_forge::repository::Repository;

use crate::exchange::{Call, Reply};
use crate::outcome::Content;
use crate::world::{SnapshotHolder, World};

/// Makes the request to the server of a world, about a GUN.
type Make = Box<dyn Fn(&World, &str) -> Act>;

/// One step.
pub(crate) struct Step {
    /// What it shows, such as `fault/version-zero/targets`.
    pub(crate) name: String,
    /// Steps of one scene depend on each other; scenes do not.
    pub(crate) scene: Scene,
    pub(crate) content: Content,
    make: Make,
}

/// What surrounds a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Each step finds the GUN in the same state: the stage moves to a fresh GUN after every step
    /// that was accepted.
    Stage(SnapshotHolder, Start),
    /// The steps of one walk follow each other; `Start::Unknown` begins with a fresh GUN. Where
    /// the servers part, the walk goes on with a fresh GUN too.
    Walk(usize, Start),
    /// The steps of one name follow each other on the GUN of that name.
    Story(String),
}

/// What a step on the stage, or of a walk, finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A collection that is published; on the stage furnished, once and whole.
    Published,
    /// A GUN that was never published; the server's keys are known.
    Unknown,
}

/// A request, and what holds if it succeeds.
pub(crate) struct Act {
    pub(crate) call: Call,
    pub(crate) effect: Effect,
    /// What the step's name does not say: it was decided by what the collection held.
    pub(crate) told: String,
}

/// What the client knows more of when a request was answered with 200.
pub(crate) enum Effect {
    /// The rows of the changefeed of this GUN (empty: of all).
    Changes(String),
    /// The GUN is gone.
    Forget,
    /// Its digest, under this file name.
    Digest(String),
    /// The key of this role.
    Key(String),
    /// Nothing: the key of this role is only compared with the last one.
    KeyAgain(String),
    /// Nothing.
    Nothing,
    /// These parts are published now, and this is what the client holds.
    Published(Box<Repository>, Vec<(String, Vec<u8>)>),
}

impl Step {
    pub(crate) fn new(
        name: impl Into<String>,
        scene: Scene,
        content: Content,
        make: impl Fn(&World, &str) -> Act + 'static,
    ) -> Self {
        Self { name: name.into(), scene, content, make: Box::new(make) }
    }

    /// The request for the server of `world`, about `gun`.
    pub(crate) fn act(&self, world: &World, gun: &str) -> Act {
        (self.make)(world, gun)
    }
}

impl Act {
    /// A request from which nothing is learnt.
    pub(crate) fn ask(call: Call) -> Self {
        Self::teaching(call, Effect::Nothing)
    }

    /// A request from which `effect` is learnt.
    pub(crate) fn teaching(call: Call, effect: Effect) -> Self {
        Self { call, effect, told: String::new() }
    }

    /// The same, with more to say of it.
    pub(crate) fn telling(self, told: String) -> Self {
        Self { told, ..self }
    }

    /// A publish of the given roles.
    pub(crate) fn publish(repository: Repository, roles: &[&str]) -> Self {
        let parts = repository.parts(roles);
        Self::publish_parts(repository, parts)
    }

    /// A publish of every document.
    pub(crate) fn publish_all(repository: Repository) -> Self {
        let parts = repository.all_parts();
        Self::publish_parts(repository, parts)
    }

    fn publish_parts(repository: Repository, parts: Vec<(String, Vec<u8>)>) -> Self {
        let call = crate::multipart::publish(repository.gun(), &parts);
        Self::teaching(call, Effect::Published(Box::new(repository), parts))
    }

    /// Takes into `world` what the 200 answer `reply` says.
    pub(crate) fn learn(self, world: &mut World, gun: &str, reply: &Reply) {
        let Reply::Answer { status: 200, body, .. } = reply else { return };
        let json = || serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        match self.effect {
            Effect::Nothing | Effect::KeyAgain(_) => {}
            Effect::Forget => {
                world.repositories.remove(gun);
            }
            Effect::Published(repository, _) => {
                world.repositories.insert(gun.to_owned(), *repository);
            }
            Effect::Key(role) => {
                world.keys.insert((gun.to_owned(), role), json());
            }
            Effect::Digest(file) => {
                let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body));
                world.digests.insert((gun.to_owned(), file), digest);
            }
            Effect::Changes(of) => {
                let rows = json()["records"].as_array().cloned().unwrap_or_default();
                let ids = rows.iter().filter_map(|row| row["ID"].as_str().map(str::to_owned));
                world.change_ids.insert(of, ids.collect());
            }
        }
    }
}
