//! Several homes of keys: who is asked, in which order, and what is answered when some are away.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_custody::{
    Custody, CustodyError, Guns, Home, KeyChoice, KeyHomes, KeyPlan, KeyRule, KeySignature,
    NoSuchHome,
};
use countersign_tuf::keys::{KeyId, KeyType, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::workbench::gun;

/// What a home knows of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knows {
    It,
    NoSuchKey,
    NothingForNow,
    ItToBeBroken,
}

/// What was asked of whom, in order.
type Log = Arc<Mutex<Vec<(Home, &'static str)>>>;

/// A home that answers as it is told, and signs with its own name.
struct Told {
    home: Home,
    knows: Mutex<Knows>,
    log: Log,
}

impl Told {
    fn answer(&self, asked: &'static str) -> Result<bool, CustodyError> {
        self.log.lock().unwrap().push((self.home, asked));
        match *self.knows.lock().unwrap() {
            Knows::It => Ok(true),
            Knows::NoSuchKey => Ok(false),
            Knows::NothingForNow => {
                Err(CustodyError::Unavailable { reason: self.home.to_string() })
            }
            Knows::ItToBeBroken => {
                Err(CustodyError::BadKey { key_id: String::new(), reason: self.home.to_string() })
            }
        }
    }

    fn key(&self) -> PublicKey {
        PublicKey::new(KeyType::Ed25519, self.home.as_str().as_bytes().to_vec())
    }
}

#[async_trait]
impl Custody for Told {
    async fn pending_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.answer("pending_key").map(|_| self.key())
    }

    async fn find_pending(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(self.answer("find_pending")?.then(|| self.key()))
    }

    async fn find_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(self.answer("find_key")?.then(|| self.key()))
    }

    async fn bind(&self, _: &Gun, _: ServerRole, _: &KeyId) -> Result<bool, CustodyError> {
        self.answer("bind")
    }

    async fn sign(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let bytes = self.home.as_str().as_bytes().to_vec();
        Ok(self.answer("sign")?.then(|| KeySignature { key: self.key(), bytes }))
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.answer("check").map(drop)
    }
}

/// Homes that answer as they are told.
struct Street {
    homes: KeyHomes,
    told: Vec<Arc<Told>>,
    log: Log,
}

const ALL: [Home; 3] = [Home::Sealed, Home::Token, Home::Remote];

impl Street {
    /// All homes, where new keys go to `planned`.
    fn with(planned: Home, knows: [Knows; 3]) -> Self {
        let default = KeyChoice { home: planned, ..KeyChoice::default() };
        Self::under(KeyPlan { default, ..KeyPlan::default() }, knows)
    }

    fn under(plan: KeyPlan, knows: [Knows; 3]) -> Self {
        let log = Log::default();
        let told = |(home, knows)| {
            Arc::new(Told { home, knows: Mutex::new(knows), log: Arc::clone(&log) })
        };
        let told: Vec<Arc<Told>> = ALL.into_iter().zip(knows).map(told).collect();
        let each = |told: &Arc<Told>| (told.home, Arc::clone(told) as Arc<dyn Custody>);
        let homes = KeyHomes::new(Arc::new(plan), told.iter().map(each).collect()).unwrap();
        Self { homes, told, log }
    }

    fn tell(&self, home: Home, knows: Knows) {
        let told = self.told.iter().find(|told| told.home == home).unwrap();
        *told.knows.lock().unwrap() = knows;
    }

    /// Which homes were asked since the last look.
    fn asked(&self) -> Vec<Home> {
        self.log.lock().unwrap().drain(..).map(|(home, _)| home).collect()
    }

    /// The home that signed, if any had the key.
    async fn sign(&self) -> Result<Option<String>, CustodyError> {
        let signed = self.homes.sign(&gun(), ServerRole::Timestamp, &id(), b"message").await?;
        Ok(signed.map(|signature| String::from_utf8(signature.bytes).unwrap()))
    }
}

fn id() -> KeyId {
    PublicKey::new(KeyType::Ed25519, b"any".to_vec()).id().clone()
}

#[tokio::test]
async fn new_keys_are_asked_for_in_the_planned_home_only() {
    let street = Street::with(Home::Token, [Knows::It; 3]);
    let (gun, role, algorithm) = (gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa);
    let made = street.homes.pending_key(&gun, role, algorithm).await.unwrap();
    assert_eq!(made.public(), b"token");
    street.tell(Home::Token, Knows::NoSuchKey);
    assert_eq!(street.homes.find_pending(&gun, role, algorithm).await.unwrap(), None);
    street.tell(Home::Token, Knows::NothingForNow);
    let away = street.homes.pending_key(&gun, role, algorithm).await;
    assert!(matches!(away, Err(CustodyError::Unavailable { .. })), "{away:?}");
    assert_eq!(street.asked(), [Home::Token; 3]);
}

#[tokio::test]
async fn each_gun_and_role_has_its_own_planned_home() {
    let rule = KeyRule {
        role: Some(ServerRole::Snapshot),
        guns: Guns::One(gun()),
        home: Some(Home::Remote),
        algorithm: None,
    };
    let plan = KeyPlan { rules: vec![rule], ..KeyPlan::default() };
    let street = Street::under(plan, [Knows::It; 3]);
    for (role, home) in
        [(ServerRole::Snapshot, Home::Remote), (ServerRole::Timestamp, Home::Sealed)]
    {
        let made = street.homes.pending_key(&gun(), role, ServerKeyAlgorithm::Ecdsa).await.unwrap();
        assert_eq!(made.public(), home.as_str().as_bytes());
    }
}

#[tokio::test]
async fn a_key_is_looked_for_first_where_it_was_last_and_then_everywhere() {
    let street = Street::with(Home::Sealed, [Knows::NoSuchKey, Knows::It, Knows::NothingForNow]);
    assert_eq!(street.sign().await.unwrap().unwrap(), "token");
    assert_eq!(street.asked(), [Home::Sealed, Home::Token]);
    assert_eq!(street.sign().await.unwrap().unwrap(), "token");
    assert_eq!(street.asked(), [Home::Token]);
    // It moved.
    street.tell(Home::Token, Knows::NoSuchKey);
    street.tell(Home::Remote, Knows::It);
    assert_eq!(street.sign().await.unwrap().unwrap(), "remote");
    assert_eq!(street.asked(), [Home::Token, Home::Sealed, Home::Remote]);
    assert_eq!(street.sign().await.unwrap().unwrap(), "remote");
    assert_eq!(street.asked(), [Home::Remote]);
}

#[tokio::test]
async fn all_homes_must_be_there_for_all_to_be_well() {
    let street = Street::with(Home::Sealed, [Knows::It; 3]);
    street.homes.check().await.unwrap();
    for away in ALL {
        street.tell(away, Knows::NothingForNow);
        let checked = street.homes.check().await;
        assert!(
            matches!(&checked, Err(CustodyError::Unavailable { reason }) if *reason == away.as_str()),
            "{checked:?}"
        );
        street.tell(away, Knows::It);
    }
}

#[test]
fn a_plan_with_a_home_that_is_not_there_is_refused() {
    let default = KeyChoice { home: Home::Remote, ..KeyChoice::default() };
    let refused = KeyHomes::new(Arc::new(KeyPlan { default, ..KeyPlan::default() }), Vec::new());
    assert_eq!(refused.unwrap_err(), NoSuchHome(Home::Remote));
}

fn any_knowledge() -> impl Strategy<Value = [Knows; 3]> {
    let any = || {
        prop::sample::select(vec![
            Knows::It,
            Knows::NoSuchKey,
            Knows::NothingForNow,
            Knows::ItToBeBroken,
        ])
    };
    [any(), any(), any()]
}

/// What three homes together are to say: a name, nothing, or why not.
fn expected(planned: Home, knows: [Knows; 3]) -> Result<Option<Home>, &'static str> {
    let first = ALL.into_iter().zip(knows).filter(|(home, _)| *home == planned);
    let others = ALL.into_iter().zip(knows).filter(|(home, _)| *home != planned);
    let found = first.chain(others).find(|(_, knows)| *knows == Knows::It);
    match found {
        Some((home, _)) => Ok(Some(home)),
        None if knows.contains(&Knows::NothingForNow) => Err("away"),
        None if knows.contains(&Knows::ItToBeBroken) => Err("broken"),
        None => Ok(None),
    }
}

fn verdict<T>(answer: Result<T, CustodyError>) -> Result<T, &'static str> {
    answer.map_err(|error| match error {
        CustodyError::Unavailable { .. } => "away",
        CustodyError::BadKey { .. } => "broken",
        _ => "something else",
    })
}

proptest! {
    /// A key is not there only if every home said so.
    #[test]
    fn a_home_that_is_away_never_makes_a_key_look_lost(
        planned in prop::sample::select(ALL.to_vec()),
        knows in any_knowledge(),
    ) {
        let expected = expected(planned, knows);
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let (gun, role, id) = (gun(), ServerRole::Timestamp, id());
            let signed = verdict(Street::with(planned, knows).sign().await);
            let name = expected.map(|found| found.map(|home| home.to_string()));
            prop_assert_eq!(signed, name);
            let found = Street::with(planned, knows).homes.find_key(&gun, role, &id).await;
            let key = verdict(found).map(|found| found.map(|key| key.public().to_vec()));
            let named = expected.map(|found| found.map(|home| home.as_str().as_bytes().to_vec()));
            prop_assert_eq!(key, named);
            let bound = Street::with(planned, knows).homes.bind(&gun, role, &id).await;
            prop_assert_eq!(verdict(bound), expected.map(|found| found.is_some()));
            Ok(())
        })?;
    }

    /// What was found earlier is a hint: it changes who is asked first, and no verdict.
    #[test]
    fn where_a_key_was_changes_no_verdict_about_where_it_is(
        planned in prop::sample::select(ALL.to_vec()),
        before in any_knowledge(),
        after in any_knowledge(),
    ) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let street = Street::with(planned, before);
            drop(street.sign().await);
            for (home, knows) in ALL.into_iter().zip(after) {
                street.tell(home, knows);
            }
            let verdict = verdict(street.sign().await).map(|found| found.is_some());
            prop_assert_eq!(verdict, expected(planned, after).map(|found| found.is_some()));
            Ok(())
        })?;
    }
}
