//! What may happen to a repository, right and wrong, as a list that can be shrunk.

use countersign_forge::damage::{self, Damage};
use countersign_forge::faults::{self, Target};
use countersign_forge::repository::Repository;
use proptest::prelude::*;
use serde_json::Value;

/// One publish.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// A new delegation below one of the roles.
    AddDelegation { below: usize },
    /// A name in targets or in a delegation.
    AddTarget { role: usize, name: u8 },
    /// Everything anew, one document with a fault of the forge.
    Damaged { fault: &'static str, role: usize },
    /// Everything anew, one member of one document damaged and signed again.
    DamagedMember { role: usize, pointer: usize, damage: Damage },
    /// The very first publish again.
    First,
    /// One document again, at its next version.
    Renew { role: usize },
    /// Another root key, signed by the old one too.
    RotateRoot,
    /// Another targets key, and the targets under it.
    RotateTargets,
    /// The client takes the snapshot key back.
    SnapshotToClient,
    /// The server gets the snapshot key.
    SnapshotToServer,
}

pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..12)
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let index = || 0..16_usize;
    let names: Vec<&'static str> = faults::all().map(|fault| fault.name).collect();
    let damage = prop::sample::select(Damage::ALL.to_vec());
    prop_oneof![
        2 => index().prop_map(|below| O::AddDelegation { below }),
        4 => (index(), 0..6_u8).prop_map(|(role, name)| O::AddTarget { role, name }),
        4 => (prop::sample::select(names), index())
            .prop_map(|(fault, role)| O::Damaged { fault, role }),
        4 => (index(), 0..200_usize, damage)
            .prop_map(|(role, pointer, damage)| O::DamagedMember { role, pointer, damage }),
        1 => Just(O::First),
        2 => index().prop_map(|role| O::Renew { role }),
        2 => Just(O::RotateRoot),
        1 => Just(O::RotateTargets),
        1 => Just(O::SnapshotToClient),
        1 => Just(O::SnapshotToServer),
    ]
}

/// A publish made ready.
pub(crate) enum Prepared {
    /// One that must be accepted; the owner's repository afterwards.
    Right { repository: Box<Repository>, parts: Parts },
    /// One that the rules may accept or refuse.
    Damaged { parts: Parts },
    /// One that must be refused.
    Refused { parts: Parts },
    /// Nothing to do in this state.
    Nothing,
}

/// Parts of an upload: role and bytes.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// What an operation needs of the world.
pub(crate) struct Surroundings<'a> {
    pub(crate) first: &'a Parts,
    pub(crate) server_snapshot_key: Value,
    pub(crate) next_snapshot_version: u64,
}

impl Operation {
    pub(crate) fn prepare(&self, owner: &Repository, around: &Surroundings<'_>) -> Prepared {
        let mut repository = owner.clone();
        match self {
            Self::First => Prepared::Refused { parts: around.first.clone() },
            Self::Damaged { fault, role } => {
                let fault = faults::named(fault).unwrap();
                let Some(role) = pick(&repository, *role, |role| fault.fits(role)) else {
                    return Prepared::Nothing;
                };
                let listed = repository.roles().any(|role| role == "targets/a");
                if fault.target == Target::Targets && !listed {
                    return Prepared::Nothing;
                }
                repository.bump_all();
                fault.apply(&mut repository, &role);
                Prepared::Damaged { parts: repository.all_parts() }
            }
            Self::DamagedMember { role, pointer, damage } => {
                let role = pick(&repository, *role, |_| true).unwrap();
                repository.bump_all();
                let value = repository.document(&role).unwrap().value();
                let pointers = damage::pointers(&value);
                let pointer = pointers.get(pointer % pointers.len()).unwrap();
                let Some(damaged) = damage::apply(&value, pointer, *damage) else {
                    return Prepared::Nothing;
                };
                repository.edit(&role, |signed| *signed = damaged);
                Prepared::Damaged { parts: repository.all_parts() }
            }
            right => match right.perform(&mut repository, around) {
                Some(changed) => seal(repository, changed),
                None => Prepared::Nothing,
            },
        }
    }

    /// Changes the repository rightly; returns the roles changed, `None` when nothing can be.
    fn perform(
        &self,
        repository: &mut Repository,
        around: &Surroundings<'_>,
    ) -> Option<Vec<String>> {
        let named = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        let holds_snapshot = repository.holds_snapshot_key();
        match self {
            Self::AddDelegation { below } => {
                let count = repository.roles().filter(|role| role.contains('/')).count();
                let parent = pick(repository, *below, is_targets).filter(|_| count < 6)?;
                let name = format!("{parent}/d{count}");
                let key = repository.new_ecdsa_key();
                repository.add_delegation(&name, key);
                named(&[&parent, &name])
            }
            Self::AddTarget { role, name } => {
                let role = pick(repository, *role, is_targets)?;
                repository.add_target(&role, &format!("v{name}"), &[*name]);
                named(&[&role])
            }
            Self::Renew { role } => {
                let role = pick(repository, *role, |role| role != "snapshot")?;
                repository.bump(&role);
                named(&[&role])
            }
            Self::RotateRoot => {
                let key = repository.new_root_key();
                repository.rotate("root", key);
                named(&["root"])
            }
            Self::RotateTargets => {
                let key = repository.new_ed25519_key();
                repository.rotate("targets", key);
                repository.bump("targets");
                named(&["root", "targets"])
            }
            Self::SnapshotToClient if !holds_snapshot => {
                let key = repository.new_ecdsa_key();
                // Sealing raises it by one.
                repository.rotate_snapshot_to_client(key, around.next_snapshot_version - 1);
                named(&["root"])
            }
            Self::SnapshotToServer if holds_snapshot => {
                repository.rotate_to_server("snapshot", &around.server_snapshot_key);
                named(&["root"])
            }
            _ => None,
        }
    }
}

/// The parts of a right publish, with the client's snapshot where it signs that.
fn seal(mut repository: Repository, mut changed: Vec<String>) -> Prepared {
    if repository.holds_snapshot_key() {
        repository.bump("snapshot");
        changed.push("snapshot".to_owned());
    }
    let roles: Vec<&str> = changed.iter().map(String::as_str).collect();
    let parts = repository.parts(&roles);
    repository.forget_former_root_keys();
    Prepared::Right { repository: Box::new(repository), parts }
}

fn is_targets(role: &str) -> bool {
    role == "targets" || role.starts_with("targets/")
}

/// One of the roles that fit, by number.
fn pick(repository: &Repository, number: usize, fits: impl Fn(&str) -> bool) -> Option<String> {
    let fitting: Vec<&str> = repository.roles().filter(|role| fits(role)).collect();
    fitting.get(number.checked_rem(fitting.len())?).map(|role| (*role).to_owned())
}
