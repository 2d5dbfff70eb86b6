//! A signer whose keys are in a token, as its clients meet it.

use anyhow::{Context as _, Result, ensure};
use countersign_custody::remote::protocol::{
    CreateKeyRequest, PublicKey, Signature, SignatureRequest,
};
use countersign_tests::grpc::{call, connect};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::softhsm::SoftHsm;
use prost::Message as _;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::binary::{run, settings};

const MESSAGE: &[u8] = b"{\"_type\":\"Timestamp\"}";

/// A signature by this key over [`MESSAGE`], which its public half verifies.
async fn signs(signer: &CountersignSigner, key: &PublicKey) -> Result<()> {
    let ca = signer.folder().join("ca.crt");
    let channel = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let key_id = key.key_info.clone().and_then(|info| info.key_id);
    let wanted = SignatureRequest { key_id, content: MESSAGE.to_vec() }.encode_to_vec();
    let answer = call(&channel, "/proto.Signer/Sign", wanted).await?;
    let signature = Signature::decode(answer.as_slice())?.content;
    // The point is the end of a P-256 SubjectPublicKeyInfo.
    let (_, point) = key.public_key.split_at_checked(26).context("no P-256 key")?;
    let verified =
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(MESSAGE, &signature);
    ensure!(verified.is_ok(), "the signature does not verify");
    Ok(())
}

#[tokio::test]
async fn a_signer_makes_its_keys_in_the_token_and_signs_there_also_after_a_restart() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let (name, value) = hsm.environment();
    let environment = [(name.to_string_lossy(), value.to_string_lossy())];
    let environment = environment.each_ref().map(|(name, value)| (&**name, &**value));
    let file = settings(&hsm, hsm.module(), "[keys]\ncustody = \"token\"\n")?;
    let mut signer = CountersignSigner::start_with(&file, &environment).await?;
    let ca = signer.folder().join("ca.crt");
    let channel = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let (algorithm, gun, role) = ("ecdsa".to_owned(), "a/b".to_owned(), "timestamp".to_owned());
    let wanted = CreateKeyRequest { algorithm, gun, role }.encode_to_vec();
    let made = call(&channel, "/proto.KeyManagement/CreateKey", wanted).await?;
    let key = PublicKey::decode(made.as_slice())?;
    signs(&signer, &key).await?;

    let data = signer.data().display().to_string();
    let listed = run(&hsm, &["keys", "list", "--data-dir", &data, "--format", "json"]).await?;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout)?;
    let id = key.key_info.clone().and_then(|info| info.key_id).map(|id| id.id);
    ensure!(listed["held_by"] == "token" && listed["key_id"].as_str() == id.as_deref(), "{listed}");

    signer.stop().await?;
    signer.start_again().await?;
    signs(&signer, &key).await
}
