//! What is known, what is asked for, and when.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::jwe;
use super::super::key_wrap::Rounds;
use super::*;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

fn texts(ring: &Passphrases, alias: &str) -> Vec<String> {
    let text = |one: &Arc<Passphrase>| String::from_utf8(one.expose_bytes().to_vec()).unwrap();
    ring.of(alias).iter().map(text).collect()
}

fn sealed(text: &str) -> Vec<u8> {
    jwe::seal(b"content", &passphrase(text), Rounds::new(1_000).unwrap()).unwrap()
}

fn opens(ring: &Passphrases, alias: &str, token: &[u8]) -> Result<(), Fault> {
    ring.open_with(alias, |one| jwe::open(token, one)).map(|_| ())
}

/// A source whose content tests change, and that counts how often it is asked.
#[derive(Clone, Default)]
struct Shelf {
    texts: Arc<Mutex<Vec<(String, String)>>>,
    questions: Arc<AtomicUsize>,
}

impl Shelf {
    fn put(&self, alias: &str, text: &str) {
        self.texts.lock().unwrap().push((alias.to_owned(), text.to_owned()));
    }

    fn clear(&self) {
        self.texts.lock().unwrap().clear();
    }

    fn asked(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

impl PassphraseSource for Shelf {
    fn find(&self, alias: &str) -> Vec<Passphrase> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let shelf = self.texts.lock().unwrap();
        let of_alias = shelf.iter().filter(|(name, _)| folded(name) == folded(alias));
        of_alias.map(|(_, text)| passphrase(text)).collect()
    }
}

fn asking(shelf: &Shelf) -> Passphrases {
    Passphrases::new("countersign", passphrase("one")).asking(shelf.clone())
}

#[test]
fn aliases_are_compared_as_environment_variables() {
    let ring =
        Passphrases::new("Time.stamp_1", passphrase("one")).with("timestamp_2", passphrase("two"));
    assert_eq!(texts(&ring, "TIME_STAMP_1"), ["one"]);
    assert_eq!(texts(&ring, "Timestamp_2"), ["two"]);
    assert!(ring.of("timestamp-2").is_empty());
}

#[test]
fn another_spelling_of_the_default_alias_does_not_replace_it() {
    let ring =
        Passphrases::new("countersign", passphrase("one")).with("COUNTERSIGN", passphrase("two"));
    assert_eq!(texts(&ring, "countersign"), ["one"]);
    assert_eq!(ring.proving().len(), 1);
}

#[test]
fn debug_of_passphrases_shows_no_secret() {
    let shelf = Shelf::default();
    shelf.put("new", "planted-three");
    let ring = Passphrases::new("countersign", passphrase("planted-one"))
        .with("old", passphrase("planted-two"))
        .asking(shelf);
    opens(&ring, "new", &sealed("planted-three")).unwrap();
    assert!(!format!("{ring:?} {:#?}", passphrase("planted-four")).contains("planted"));
}

#[test]
fn without_a_source_an_unknown_alias_stays_unknown() {
    let ring = Passphrases::new("countersign", passphrase("one"));
    let fault = opens(&ring, "new.one", &sealed("two")).unwrap_err();
    assert_eq!(fault, Fault::NoPassphrase { variable: "NOTARY_SIGNER_NEW_ONE".to_owned() });
}

#[test]
fn an_unknown_alias_is_asked_for_once_until_it_may_be_again() {
    let (shelf, token) = (Shelf::default(), sealed("two"));
    let ring = asking(&shelf);
    for _ in 0..3 {
        assert!(matches!(opens(&ring, "next", &token), Err(Fault::NoPassphrase { .. })));
    }
    assert_eq!(shelf.asked(), 1);
    shelf.put("NEXT", "two");
    assert!(opens(&ring, "next", &token).is_err(), "it was said a moment ago that there is none");
    ring.ask_again();
    opens(&ring, "next", &token).unwrap();
    opens(&ring, "next", &token).unwrap();
    assert_eq!(shelf.asked(), 2, "what is known is not asked for");
    shelf.clear();
    opens(&ring, "Next", &token).unwrap();
}

#[test]
fn a_passphrase_that_does_not_open_is_looked_up_again_and_the_old_one_kept() {
    let (shelf, old, new) = (Shelf::default(), sealed("one"), sealed("changed"));
    let ring = asking(&shelf);
    assert_eq!(opens(&ring, "countersign", &new), Err(Fault::DoesNotOpen));
    shelf.put("countersign", "changed");
    ring.ask_again();
    opens(&ring, "countersign", &new).unwrap();
    opens(&ring, "countersign", &old).unwrap();
    assert_eq!(ring.sealing().passphrase.expose_bytes(), b"one", "new rows are sealed as before");
    assert_eq!(ring.of("countersign").len(), 2);
    assert_eq!(ring.proving().len(), 1, "and what is learnt for them proves nothing");
}

#[test]
fn however_often_a_passphrase_changes_few_are_kept_and_that_of_new_rows_stays() {
    let shelf = Shelf::default();
    let ring = asking(&shelf);
    for number in 0..20 {
        let text = format!("number {number}");
        shelf.clear();
        shelf.put("countersign", &text);
        ring.ask_again();
        opens(&ring, "countersign", &sealed(&text)).unwrap();
        opens(&ring, "countersign", &sealed("one")).unwrap();
    }
    assert!(ring.of("countersign").len() <= MOST_PER_ALIAS, "{}", ring.of("countersign").len());
    for number in 0..20 {
        shelf.clear();
        shelf.put("countersign", &format!("again {number}"));
        ring.ask_again();
        opens(&ring, "countersign", &sealed(&format!("again {number}"))).unwrap();
    }
    opens(&ring, "countersign", &sealed("one")).unwrap();
}

#[test]
fn many_unknown_aliases_do_not_make_many_questions() {
    let (shelf, token) = (Shelf::default(), sealed("two"));
    let ring = asking(&shelf);
    for number in 0..500 {
        assert!(opens(&ring, &format!("alias {number}"), &token).is_err());
    }
    assert_eq!(shelf.asked(), MOST_ASKED);
}

/// While one request reads the new passphrase, others that need it wait for it.
#[test]
fn of_many_at_once_that_meet_a_new_alias_all_open_and_one_asks() {
    let (shelf, token) = (Shelf::default(), sealed("two"));
    shelf.put("next", "two");
    let ring = asking(&shelf);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| opens(&ring, "next", &token))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(shelf.asked(), 1);
}

#[test]
fn another_alias_of_new_rows_keeps_what_the_old_ones_need() {
    let ring = Passphrases::new("countersign", passphrase("one"));
    ring.seal_under("countersign_2", Arc::new(passphrase("two")));
    assert_eq!(ring.alias_of_new_keys(), "countersign_2");
    opens(&ring, "countersign", &sealed("one")).unwrap();
    opens(&ring, "COUNTERSIGN_2", &sealed("two")).unwrap();
    assert_eq!(ring.proving().len(), 2);
}
