//! Random lists of operations, and proof that a wrong rule is noticed.

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::operation::{Operation, operations};
use crate::world::{Rules, World};

/// Lists per seed.
const CASES: u32 = 12;

fn run(mut runner: TestRunner, world: &World) {
    let outcome = runner.run(&operations(), |operations| {
        world.clone().play(&operations).map_err(TestCaseError::fail)
    });
    // A failure shows the shortest list found that fails.
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn config() -> Config {
    Config { cases: CASES, failure_persistence: None, max_shrink_iters: 400, ..Config::default() }
}

fn worlds() -> [World; 2] {
    [World::new(Rules::AsWritten), World::with_server_snapshot(Rules::AsWritten)]
}

#[test]
fn server_account_and_client_agree_on_lists_of_fixed_seeds() {
    for world in worlds() {
        for seed in 1..=4 {
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
            run(TestRunner::new_with_rng(config(), rng), &world);
        }
    }
}

#[test]
fn server_account_and_client_agree_on_random_lists() {
    for world in worlds() {
        run(TestRunner::new(config()), &world);
    }
}

/// The wrong rules disagree on a list on which the right ones agree.
fn notices(rules: Rules, operations: &[Operation], part_of_message: &str) {
    World::new(Rules::AsWritten).play(operations).unwrap();
    let noticed = World::new(rules).play(operations).unwrap_err();
    assert!(noticed.contains(part_of_message), "{noticed}");
}

#[test]
fn server_that_skips_the_old_roots_signature_is_noticed() {
    notices(
        Rules::OldRootForgotten,
        &[Operation::Damaged { fault: "rotated-signed-by-new-only", role: 0 }],
        "could not rotate trust to a new trusted root",
    );
}

#[test]
fn server_that_stores_an_expired_document_is_noticed() {
    for (role, name) in [(0, "root"), (1, "snapshot"), (2, "targets")] {
        notices(
            Rules::ClockBehind,
            &[Operation::Damaged { fault: "expires-past", role }],
            &format!("{name} expired at"),
        );
    }
}

#[test]
fn server_that_keeps_what_it_refuses_is_noticed() {
    let damaged = Operation::Damaged { fault: "signature-wrong", role: 2 };
    notices(Rules::RefusedIsStored, &[damaged], "documents are stored");
}

#[test]
fn server_that_loses_what_it_accepts_is_noticed() {
    notices(Rules::AcceptedIsLost, &[Operation::Renew { role: 0 }], "documents are stored");
}
