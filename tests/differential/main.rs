//! The same requests to the Go server and to ours, in the same order over the same states; the
//! answers must be the same but for the differences that were decided.
//!
//! [`plan`] says what is asked, [`play`] asks both, [`outcome`] says what is compared, and
//! [`decided`] is the one list of differences. Every answer of a run is written to
//! `differential-seed-N.txt` in cargo's directory for temporary files of tests.

#![cfg(test)]

mod decided;
mod exchange;
mod multipart;
mod outcome;
mod plan;
mod play;
mod step;
mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::go_notary::GoNotary;

use crate::decided::{DECIDED, Reach, Verdict, judge};
use crate::exchange::Line;
use crate::play::{Play, Record};

/// A word that no server says.
const PLANTED: &str = "PLANTED";

#[expect(clippy::disallowed_methods, reason = "the Go server knows the machine's time only")]
#[tokio::test]
async fn go_and_we_answer_every_request_alike() {
    let go = GoNotary::start().await.unwrap();
    let ours = Countersign::start().await.unwrap();
    let (go_line, our_line) =
        (Line::to(go.endpoint()).unwrap(), Line::to(ours.endpoint()).unwrap());
    let wanted = Wanted::by_environment();
    let mut records = Vec::new();
    for seed in wanted.seeds() {
        let play = Play::new(seed, chrono::Utc::now(), &go_line, &our_line);
        let played =
            play.all(&plan::of_seed(seed), wanted.step()).await.unwrap_or_else(|failure| {
                panic!("{failure:#}\nGo: {}\nours: {}", go.log(), ours.log())
            });
        write_down(seed, &played);
        records.extend(played);
    }
    let verdict = judge(&records);
    let unused = if wanted == Wanted::Everything { unused(&verdict) } else { Vec::new() };
    assert!(
        verdict.unexplained.is_empty() && unused.is_empty(),
        "{} undecided differences; decided ones that did not show: {unused:?}\n\n{}",
        verdict.unexplained.len(),
        verdict.unexplained.join("\n\n")
    );
    if wanted == Wanted::Everything {
        assert_enough_was_asked(&records);
    }
    assert_planted_codes_are_noticed(&records);
}

#[test]
fn every_decided_difference_is_documented() {
    let documented = documented();
    for difference in DECIDED {
        let lines = documented.iter().filter(|line| line.id == difference.id).count();
        assert_eq!(lines, 1, "{} has its one line in docs/compatibility.md", difference.id);
    }
    for Documented { id, .. } in documented {
        assert!(DECIDED.iter().any(|d| d.id == id), "{id} is documented, and decided nowhere");
    }
}

#[test]
fn every_test_that_the_documentation_names_exists() {
    for Documented { id, test } in documented() {
        let here = DECIDED.iter().any(|d| d.id == id && d.reach == Reach::Run);
        assert_eq!(here, test == "differential", "{id} names where it shows");
        for named in test.split("; ") {
            let Some((room, names)) = named.split_once(": ") else { continue };
            // An engine's tests are beside its code, or with the real servers.
            let mut folders: Vec<_> =
                ["crates", "tests"].map(|all| repository().join(all).join(room)).into();
            folders.retain(|folder| folder.is_dir());
            assert!(!folders.is_empty(), "{id}: no {room}");
            for name in names.split(", ") {
                let signature = format!("fn {}(", name.trim_matches('`'));
                let written = folders.iter().any(|folder| is_written_below(folder, &signature));
                assert!(written, "{id}: no {signature} in {room}");
            }
        }
    }
}

/// A line of the table in `docs/compatibility.md`.
struct Documented {
    id: String,
    test: String,
}

fn documented() -> Vec<Documented> {
    let text = std::fs::read_to_string(repository().join("docs/compatibility.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.first() != Some(&"ID"))
        .map(|cells| Documented { id: cells[0].to_owned(), test: cells[3].to_owned() })
        .collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_written_below(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_written_below(&path, text);
        }
        path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(&path).unwrap().contains(text)
    })
}

/// Differences that this run must come across, and did not: are they differences any more?
fn unused(verdict: &Verdict) -> Vec<&'static str> {
    let in_run = DECIDED.iter().filter(|difference| difference.reach == Reach::Run);
    in_run.map(|difference| difference.id).filter(|id| !verdict.used.contains(id)).collect()
}

fn assert_enough_was_asked(records: &[Record]) {
    let asked = records.iter().filter(|record| !record.is_reading()).count();
    assert!(asked >= 10_000, "{asked} requests, readings not counted");
    let accepted = |record: &&Record| {
        let publish = record.names_any(&["publish/", " first", " next"]);
        publish && !record.is_reading() && record.go.is_ok() && record.ours.is_ok()
    };
    let accepted = records.iter().filter(accepted).count();
    assert!(accepted >= 500, "{accepted} publishes accepted by both");
}

/// No entry of the list is so wide that it would hide a wrong code.
fn assert_planted_codes_are_noticed(records: &[Record]) {
    let is_hidden = |record: &&Record| {
        let mut planted = (*record).clone();
        planted.ours.status = Some(400);
        planted.ours.code = Some(PLANTED.to_owned());
        judge(std::slice::from_ref(&planted)).unexplained.is_empty()
    };
    let hidden: Vec<_> = records.iter().filter(is_hidden).map(|record| &record.name).collect();
    assert!(hidden.is_empty(), "a wrong code is hidden in {hidden:?}");
}

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// The fixed seeds.
    Everything,
    /// `DIFFERENTIAL_SEEDS=5,6,7`: these seeds.
    Seeds(Vec<u64>),
    /// `COUNTERSIGN_DIFFERENTIAL=SEED:STEP`: one step of a seed, and what leads to it.
    Step(u64, usize),
}

impl Wanted {
    fn by_environment() -> Self {
        if let Ok(step) = std::env::var("COUNTERSIGN_DIFFERENTIAL") {
            let (seed, number) = step.split_once(':').expect("SEED:STEP");
            return Self::Step(seed.parse().expect("a seed"), number.parse().expect("a number"));
        }
        let Ok(seeds) = std::env::var("DIFFERENTIAL_SEEDS") else { return Self::Everything };
        Self::Seeds(seeds.split(',').map(|seed| seed.trim().parse().expect("a seed")).collect())
    }

    fn seeds(&self) -> Vec<u64> {
        match self {
            Self::Everything => plan::SEEDS.to_vec(),
            Self::Seeds(seeds) => seeds.clone(),
            Self::Step(seed, _) => vec![*seed],
        }
    }

    fn step(&self) -> Option<usize> {
        match self {
            Self::Step(_, number) => Some(*number),
            Self::Everything | Self::Seeds(_) => None,
        }
    }
}

/// Writes every outcome where a person can look them up.
fn write_down(seed: u64, records: &[Record]) {
    let mut text = String::new();
    for record in records {
        let Record { number, name, go, ours, .. } = record;
        let mark = if go == ours { " " } else { "*" };
        write!(text, "{mark} {number} {name}\n    Go:   {go}\n").unwrap();
        if go != ours {
            writeln!(text, "    ours: {ours}").unwrap();
        }
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(directory.join(format!("differential-seed-{seed}.txt")), text).unwrap();
}
