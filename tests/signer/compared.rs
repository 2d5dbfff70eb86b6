//! The same calls, byte for byte, to the Go signer and to ours on one table; each answer is the
//! same, but where `decided` says otherwise.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use countersign_custody::remote::protocol::{
    CreateKeyRequest, GetKeyInfoResponse, KeyId, PublicKey, Signature, SignatureRequest,
};
use countersign_tests::grpc::{call, connect};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use prost::Message;
use serde_json::Value;
use tonic::Code;
use tonic::transport::Channel;

use crate::decided::{DECIDED, Told};

const CREATE: &str = "/proto.KeyManagement/CreateKey";
const DELETE: &str = "/proto.KeyManagement/DeleteKey";
const LOOK: &str = "/proto.KeyManagement/GetKeyInfo";
const SIGN: &str = "/proto.Signer/Sign";
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// One call, and what to call it in a report.
struct Asked {
    name: String,
    path: &'static str,
    message: Vec<u8>,
}

fn asked(name: &str, path: &'static str, message: &impl Message) -> Asked {
    Asked { name: name.to_owned(), path, message: message.encode_to_vec() }
}

fn creation(algorithm: &str, gun: &str, role: &str) -> CreateKeyRequest {
    let [algorithm, gun, role] = [algorithm, gun, role].map(str::to_owned);
    CreateKeyRequest { algorithm, gun, role }
}

fn id(text: &str) -> KeyId {
    KeyId { id: text.to_owned() }
}

fn signature(key: &str, content: &[u8]) -> SignatureRequest {
    SignatureRequest { key_id: Some(id(key)), content: content.to_vec() }
}

/// What was answered, as far as it does not depend on chance.
async fn told(channel: &Channel, asked: &Asked) -> Result<Told> {
    let answer = match call(channel, asked.path, asked.message.clone()).await {
        Ok(answer) => answer,
        Err(status) => return Ok(Told::Refused(status.code(), status.message().to_owned())),
    };
    let bytes = answer.as_slice();
    Ok(match asked.path {
        CREATE => {
            let made = PublicKey::decode(bytes)?;
            Told::Key(made.encode_to_vec() == answer, format!("{made:?}"))
        }
        LOOK => {
            let found = GetKeyInfoResponse::decode(bytes)?;
            Told::Key(found.encode_to_vec() == answer, format!("{found:?}"))
        }
        SIGN => {
            let mut signed = Signature::decode(bytes)?;
            let length = signed.content.len();
            let whole = signed.encode_to_vec() == answer;
            let method = signed.algorithm.as_ref().map(|method| method.algorithm.clone());
            if method.as_deref() == Some("ecdsa") {
                signed.content.clear();
            }
            Told::Key(whole, format!("{length} bytes, {signed:?}"))
        }
        _ => Told::Key(true, hex::encode(answer)),
    })
}

/// Every call of the recorded conversation, in its order.
fn recorded() -> Result<Vec<Asked>> {
    let text = include_str!("../vectors/signer/grpc_messages.json");
    let file: Value = serde_json::from_str(text)?;
    let calls = file["calls"].as_array().context("no calls")?;
    let mut all = Vec::new();
    for one in calls {
        let text = |member: &str| one[member].as_str().context("no text");
        let path = [CREATE, DELETE, LOOK, SIGN]
            .into_iter()
            .find(|path| text("method").is_ok_and(|method| method == *path))
            .context("an unknown method")?;
        // The last would take the key away from the calls of the second signer.
        if path != DELETE {
            let message = hex::decode(text("request_hex")?)?;
            all.push(Asked { name: format!("recorded {}", all.len()), path, message });
        }
    }
    Ok(all)
}

/// Odd and malformed calls. Those that end the Go signer's process are in `hostile`.
fn odd(key: &str) -> Vec<Asked> {
    let absent = "0".repeat(64);
    let long = "a".repeat(256);
    let gun = "registry.example/odd";
    let mut all = vec![
        asked("a look at a key that is not there", LOOK, &id(&absent)),
        asked("a signature by a key that is not there", SIGN, &signature(&absent, b"m")),
        asked("a look at an ID in capitals", LOOK, &id(&key.to_uppercase())),
        asked("a look at half an ID", LOOK, &id(key.split_at(32).0)),
        asked("a signature over nothing", SIGN, &signature(key, b"")),
        asked("a signature over 3.9 MB", SIGN, &signature(key, &vec![b'a'; 3_900_000])),
        asked("a signature over 4.3 MB", SIGN, &signature(key, &vec![b'a'; 4_300_000])),
        asked("an RSA key", CREATE, &creation("rsa", gun, "timestamp")),
        asked("a key of no algorithm", CREATE, &creation("", gun, "timestamp")),
        asked("a key of an algorithm in capitals", CREATE, &creation("ECDSA", gun, "timestamp")),
        asked("a key for the root", CREATE, &creation("ecdsa", gun, "root")),
        asked("a key for no role", CREATE, &creation("ecdsa", gun, "")),
        asked("a key for no GUN", CREATE, &creation("ecdsa", "", "timestamp")),
        asked("a deletion of a key that is not there", DELETE, &id(&absent)),
        asked("a key for a long GUN", CREATE, &creation("ecdsa", &long, "timestamp")),
    ];
    for service in [
        "",
        "grpc.health.v1.Health.KeyManagement",
        "grpc.health.v1.Health.Signer",
        "grpc.health.v1.Health.Overall",
        "proto.Signer",
    ] {
        let message = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        all.push(asked(&format!("the health of {service:?}"), CHECK, &message));
    }
    let raw = |name: &str, path, message: &[u8]| Asked {
        name: name.to_owned(),
        path,
        message: message.to_vec(),
    };
    all.push(raw("a message that is none", CREATE, &[0xff; 40]));
    all.push(raw(
        "an unknown field",
        LOOK,
        &[&[0x7a, 1, b'x'], id(&absent).encode_to_vec().as_slice()].concat(),
    ));
    all.push(raw("an unknown method", "/proto.Signer/Unsign", b""));
    all.push(raw("an unknown service", "/proto.Nothing/Sign", b""));
    all
}

/// Ours on the Go signer's own table.
async fn start_ours(pair: &GoNotary) -> Result<CountersignSigner> {
    let port = pair.postgres().port();
    let url = format!("postgres://postgres@127.0.0.1:{port}/{}", GoNotary::SIGNER_DATABASE);
    CountersignSigner::start_with(
        "",
        &[
            ("COUNTERSIGN_DATABASE_URL", &url),
            ("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS),
            ("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE),
        ],
    )
    .await
}

#[tokio::test]
async fn both_signers_answer_the_same_calls_alike() -> Result<()> {
    let pair = GoNotary::start().await?;
    let ours = start_ours(&pair).await?;
    let shown = pair.server_pair();
    let ca = shown.certificate.with_file_name("ca.crt");
    let go = connect(pair.signer_port(), &ca, Some(&shown)).await?;
    let ca = ours.authority().certificate();
    let us = connect(ours.port(), &ca, Some(&ours.client())).await?;

    let made = creation("ecdsa", "registry.example/app", "timestamp").encode_to_vec();
    let made = PublicKey::decode(call(&go, CREATE, made).await?.as_slice())?;
    let key = made.key_info.and_then(|info| info.key_id).context("Go names no key")?.id;
    let ed = creation("ed25519", "registry.example/app", "snapshot").encode_to_vec();
    let ed = PublicKey::decode(call(&go, CREATE, ed).await?.as_slice())?;
    let ed = ed.key_info.and_then(|info| info.key_id).context("Go names no key")?.id;

    let mut all = recorded()?;
    all.push(asked(
        "the pending key",
        CREATE,
        &creation("ecdsa", "registry.example/app", "timestamp"),
    ));
    all.push(asked("a look at Go's key", LOOK, &id(&key)));
    all.push(asked("an ECDSA signature", SIGN, &signature(&key, b"a message")));
    all.push(asked("an Ed25519 signature", SIGN, &signature(&ed, b"a message")));
    all.extend(odd(&key));

    let mut met = BTreeSet::new();
    for asked in &all {
        let (by_go, by_us) = (told(&go, asked).await?, told(&us, asked).await?);
        if by_go == by_us {
            continue;
        }
        let found = DECIDED.iter().find(|decided| decided.explains(&asked.name, &by_go, &by_us));
        let decided = found.with_context(|| {
            format!("{}: nothing explains\nGo:   {by_go:?}\nours: {by_us:?}", asked.name)
        })?;
        met.insert(decided.name);
    }
    let unmet: Vec<_> = DECIDED.iter().filter(|one| !met.contains(one.name)).collect();
    ensure!(unmet.is_empty(), "these differences did not show: {unmet:?}");
    Ok(())
}

/// Spec 9.1 and 9.2: what ends the Go signer, or lets it act on any key, is refused by ours.
#[tokio::test]
async fn what_ends_the_go_signer_is_refused_by_ours() -> Result<()> {
    let mut ours = CountersignSigner::start().await?;
    let ca = ours.authority().certificate();
    let us = connect(ours.port(), &ca, Some(&ours.client())).await?;
    let made = creation("ecdsa", "registry.example/app", "timestamp").encode_to_vec();
    let before = call(&us, CREATE, made.clone()).await?;
    let nameless = SignatureRequest { key_id: None, content: b"m".to_vec() };
    for asked in [
        asked("a signature without a key", SIGN, &nameless),
        asked("a signature by an empty ID", SIGN, &signature("", b"m")),
        asked("a look at an empty ID", LOOK, &id("")),
        asked("a deletion of an empty ID", DELETE, &id("")),
    ] {
        let refused = call(&us, asked.path, asked.message).await.err().context("not refused")?;
        ensure!(refused.code() == Code::InvalidArgument, "{}: {refused:?}", asked.name);
    }
    ensure!(call(&us, CREATE, made).await? == before, "the pending key has signed, or is gone");
    ours.still_runs()
}
