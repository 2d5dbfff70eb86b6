//! What custody makes of a signer's answers: only what proves itself counts, only "not found" means
//! that there is none, and nothing is bound, noted or made by anything else.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use countersign_custody::{Custody as _, CustodyError};
use countersign_storage::KeyBindings as _;
use countersign_tests::peers::hostile_signer::{Call, Manner};
use countersign_tests::peers::link::Link;
use countersign_tests::peers::process::free_port;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::ServerRole::{Snapshot, Timestamp};
use tonic::Code;

use crate::bench::{Bench, DEADLINE, custody, gun};

const MESSAGE: &[u8] = br#"{"_type":"Timestamp","version":1}"#;
const ECDSA: ServerKeyAlgorithm = ServerKeyAlgorithm::Ecdsa;

/// A key of the collection `a/b`.
async fn key(bench: &Bench) -> Result<PublicKey> {
    Ok(bench.custody.pending_key(&gun("a/b")?, Timestamp, ECDSA).await?)
}

async fn signs_well(bench: &Bench, key: &PublicKey) -> Result<()> {
    let made = bench.custody.sign(&gun("a/b")?, Timestamp, key.id(), MESSAGE).await?;
    let Some(made) = made else { bail!("it has no key") };
    ensure!(made.key == *key);
    ensure!(verify_signature(key, &ECDSA.signature_method(), MESSAGE, &made.bytes));
    Ok(())
}

#[tokio::test]
async fn one_key_is_pending_until_it_signs_and_says_for_whom_it_is() -> Result<()> {
    let bench = Bench::start().await?;
    let first = key(&bench).await?;
    ensure!(key(&bench).await? == first);
    let found = bench.custody.find_pending(&gun("a/b")?, Timestamp, ECDSA).await?;
    ensure!(found.as_ref() == Some(&first));
    signs_well(&bench, &first).await?;
    ensure!(bench.custody.find_pending(&gun("a/b")?, Timestamp, ECDSA).await?.is_none());
    ensure!(key(&bench).await? != first);
    let named = |call: &Call| call.gun == "a/b" && call.role == "timestamp";
    ensure!(bench.signer.calls().iter().all(named), "{:?}", bench.signer.calls());
    Ok(())
}

#[tokio::test]
async fn a_signature_by_a_known_key_is_one_call() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    let before = bench.signer.calls().len();
    signs_well(&bench, &known).await?;
    signs_well(&bench, &known).await?;
    let calls = bench.signer.calls();
    let since: Vec<&str> = calls.iter().skip(before).map(|call| call.method).collect();
    ensure!(since == ["Sign", "Sign"], "{since:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_signs_for_its_own_collection_and_role_only() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    let before = bench.signer.calls().len();
    for custody in [&bench.custody, &bench.another()?] {
        for (other, role) in [("a/c", Timestamp), ("a/b", Snapshot), ("A/b", Timestamp)] {
            let other = gun(other)?;
            ensure!(custody.sign(&other, role, known.id(), MESSAGE).await?.is_none());
            ensure!(custody.find_key(&other, role, known.id()).await?.is_none());
            ensure!(!custody.bind(&other, role, known.id()).await?);
        }
    }
    ensure!(
        bench.signer.calls().len() == before,
        "the signer was asked: {:?}",
        bench.signer.calls()
    );
    signs_well(&bench, &known).await
}

/// Each lie about a new key: nothing is bound, and the honest answer after it counts.
#[tokio::test]
async fn a_new_key_that_is_not_what_was_asked_for_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    for (manner, words) in [
        (Manner::AnothersId, "it calls the key"),
        (Manner::OtherAlgorithm, "it gave one of ed25519"),
        (Manner::EmptyKey, "whose database is away"),
        (Manner::EmptyReply, "keyInfo is missing"),
        (Manner::NoAlgorithm, "keyInfo.algorithm is missing"),
        (Manner::NoKeyId, "keyInfo.keyID is missing"),
        (Manner::NoPublicKey, "are no public key"),
        (Manner::Huge, "OutOfRange"),
        (Manner::Refuses(Code::NotFound), "a new key is not found"),
        (Manner::Refuses(Code::PermissionDenied), "PermissionDenied"),
        (Manner::Refuses(Code::Unknown), "Unknown"),
    ] {
        bench.signer.behave(manner);
        let refused = bench.custody.pending_key(&gun("a/b")?, Timestamp, ECDSA).await;
        let Err(error @ CustodyError::Unavailable { .. }) = refused else {
            bail!("{manner:?}: {refused:?}")
        };
        let said = error.to_string();
        ensure!(said.contains(words), "{manner:?}: {said}");
        ensure!(said.contains(&format!("localhost:{}", bench.signer.port())), "{said}");
        ensure!(bench.bindings.bindings(None, None, 9).await?.is_empty(), "{manner:?}: bound");
    }
    bench.signer.behave(Manner::Honest);
    let known = key(&bench).await?;
    signs_well(&bench, &known).await
}

/// Each lie about a signature: an error that names the key or the signer, never "it has no such
/// key", and the key stays pending.
#[tokio::test]
async fn a_signature_that_does_not_prove_itself_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    for (manner, words) in [
        (Manner::AnotherKeysSignature, "does not verify"),
        (Manner::AnotherMessage, "does not verify"),
        (Manner::AnotherKey, "it signed with the key"),
        (Manner::AnothersId, "it signed with the key"),
        (Manner::EmptyReply, "there is no signature in it"),
        (Manner::Huge, "OutOfRange"),
        (Manner::Refuses(Code::FailedPrecondition), "cannot use it"),
        (Manner::Refuses(Code::Internal), "Internal"),
    ] {
        bench.signer.behave(manner);
        let refused = bench.custody.sign(&gun("a/b")?, Timestamp, known.id(), MESSAGE).await;
        let Err(error) = refused else { bail!("{manner:?}: {refused:?}") };
        ensure!(error.to_string().contains(words), "{manner:?}: {error}");
        let binding = bench.bindings.binding(known.id().as_str()).await?;
        ensure!(binding.is_some_and(|binding| binding.last_used.is_none()), "{manner:?}");
    }
    bench.signer.behave(Manner::Honest);
    signs_well(&bench, &known).await
}

#[tokio::test]
async fn a_key_that_is_looked_up_must_be_the_one_that_was_asked_for() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    for manner in [
        Manner::AnotherKey,
        Manner::EmptyKey,
        Manner::EmptyReply,
        Manner::NoAlgorithm,
        Manner::NoPublicKey,
        Manner::Huge,
        Manner::Refuses(Code::Unknown),
        Manner::Refuses(Code::PermissionDenied),
    ] {
        bench.signer.behave(manner);
        let refused = bench.custody.find_key(&gun("a/b")?, Timestamp, known.id()).await;
        ensure!(refused.is_err(), "{manner:?}: {refused:?}");
        // Of a process that does not know the key yet, the same before anything is signed.
        let refused = bench.another()?.sign(&gun("a/b")?, Timestamp, known.id(), MESSAGE).await;
        ensure!(refused.is_err(), "{manner:?}: {refused:?}");
    }
    bench.signer.behave(Manner::Refuses(Code::NotFound));
    ensure!(bench.custody.find_key(&gun("a/b")?, Timestamp, known.id()).await?.is_none());
    ensure!(bench.custody.sign(&gun("a/b")?, Timestamp, known.id(), MESSAGE).await?.is_none());
    bench.signer.behave(Manner::Honest);
    signs_well(&bench, &known).await
}

#[tokio::test]
async fn a_signer_that_is_away_for_a_moment_is_asked_again() -> Result<()> {
    let bench = Bench::start().await?;
    bench.signer.behave(Manner::AwayFor(2));
    let known = key(&bench).await?;
    ensure!(bench.signer.keys() == 1);
    bench.signer.behave(Manner::AwayFor(3));
    signs_well(&bench, &known).await
}

#[tokio::test]
async fn a_signer_that_says_it_is_away_is_given_up_in_time() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    bench.signer.behave(Manner::Refuses(Code::Unavailable));
    let before = bench.signer.calls().len();
    let refused = bench.custody.sign(&gun("a/b")?, Timestamp, known.id(), MESSAGE).await;
    ensure!(matches!(refused, Err(CustodyError::Unavailable { .. })), "{refused:?}");
    let tries = bench.signer.calls().len() - before;
    ensure!((2..10).contains(&tries), "{tries} tries");
    Ok(())
}

/// The answer never comes; the connection is given up, since perhaps nobody is there.
#[tokio::test]
async fn an_endless_delay_ends_with_the_deadline_and_the_next_call_is_well() -> Result<()> {
    let bench = Bench::start().await?;
    let link = Link::to(bench.signer.port()).await?;
    let bindings = Arc::clone(&bench.bindings) as Arc<_>;
    let short = Duration::from_secs(1);
    let hurried = custody(&bench.signer, link.port(), short, bindings)?;
    let known = hurried.pending_key(&gun("a/b")?, Timestamp, ECDSA).await?;
    bench.signer.behave(Manner::Silent);
    let refused = hurried.sign(&gun("a/b")?, Timestamp, known.id(), MESSAGE).await;
    let Err(error @ CustodyError::Unavailable { .. }) = refused else { bail!("{refused:?}") };
    ensure!(error.to_string().contains("did not answer within 1 s"), "{error}");
    bench.signer.behave(Manner::Honest);
    signs_well(&bench, &known).await
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_made_again_and_the_call_with_it() -> Result<()> {
    let bench = Bench::start().await?;
    let link = Link::to(bench.signer.port()).await?;
    let bindings = Arc::clone(&bench.bindings) as Arc<_>;
    let custody = custody(&bench.signer, link.port(), DEADLINE, bindings)?;
    let known = custody.pending_key(&gun("a/b")?, Timestamp, ECDSA).await?;
    for _ in 0..3 {
        bench.signer.behave(Manner::Silent);
        let before = bench.signer.calls().len();
        let breaking = async {
            bench.signer.called_since(before).await;
            link.break_all();
            bench.signer.behave(Manner::Honest);
        };
        let gun = gun("a/b")?;
        let signing = custody.sign(&gun, Timestamp, known.id(), MESSAGE);
        let (signed, ()) = tokio::join!(signing, breaking);
        ensure!(signed?.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn health_says_what_is_wrong_with_the_signer() -> Result<()> {
    let bench = Bench::start().await?;
    bench.custody.check().await?;
    bench.signer.serves(tonic_health::ServingStatus::NotServing).await;
    let Err(error) = bench.custody.check().await else { bail!("it is well") };
    let said = error.to_string();
    ensure!(said.contains("grpc.health.v1.Health.KeyManagement says NOT_SERVING"), "{said}");
    bench.signer.serves(tonic_health::ServingStatus::Serving).await;
    bench.custody.check().await?;
    let (port, bindings) = (free_port()?, Arc::clone(&bench.bindings) as Arc<_>);
    let nobody = custody(&bench.signer, port, DEADLINE, bindings)?;
    let Err(error) = nobody.check().await else { bail!("it is well") };
    ensure!(error.to_string().contains(&format!("localhost:{port}")), "{error}");
    Ok(())
}

/// Keys that were made elsewhere wait until the stored roots were looked through; then the first
/// that asks has one.
#[tokio::test]
async fn a_key_from_before_is_bound_once_the_roots_are_known_and_to_one_only() -> Result<()> {
    let bench = Bench::start().await?;
    let known = key(&bench).await?;
    ensure!(bench.bindings.unbind_key(known.id().as_str()).await?);
    let later = bench.another()?;
    let (own, other) = (gun("a/b")?, gun("a/c")?);
    ensure!(later.sign(&own, Timestamp, known.id(), MESSAGE).await?.is_none());
    let early = later.bind(&own, Timestamp, known.id()).await;
    ensure!(matches!(early, Err(CustodyError::Unavailable { .. })), "{early:?}");
    later.old_keys_gate().open();
    ensure!(!later.bind(&own, Snapshot, known.id()).await?, "the signer has it for the timestamp");
    ensure!(later.bind(&own, Timestamp, known.id()).await?);
    ensure!(!later.bind(&other, Timestamp, known.id()).await?);
    ensure!(later.sign(&own, Timestamp, known.id(), MESSAGE).await?.is_some());
    ensure!(later.sign(&other, Timestamp, known.id(), MESSAGE).await?.is_none());
    Ok(())
}
