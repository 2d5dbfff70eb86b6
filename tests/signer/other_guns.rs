//! A server that may use the signer asks for the key of another GUN: it gets no signature and stores
//! nothing, the signer's log says who asked, and the GUN whose key it is goes on.

use anyhow::{Context, Result, bail, ensure};
use countersign_custody::remote::protocol::{KeyId, SignatureRequest};
use countersign_forge::key::key_id;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::grpc::{call, call_for, connect};
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use prost::Message as _;
use serde_json::Value;
use tokio::time::Instant;
use tonic::Code;

const LOOK: &str = "/proto.KeyManagement/GetKeyInfo";
const SIGN: &str = "/proto.Signer/Sign";

const OWNER: &str = "example.com/owner/app";
const THIEF: &str = "example.com/thief/app";

/// Two servers that know nothing of each other, and a signer that both may use.
struct Scene {
    signer: CountersignSigner,
    owner: Wire,
    thief: Wire,
    thief_shows: Pair,
    collection: Repository,
    /// The timestamp key of the owner's collection, as its server gives it.
    key: Value,
    _servers: [Countersign; 2],
}

impl Scene {
    /// The signer serves both servers by name, with `more` in that section.
    async fn start(more: &str) -> Result<Self> {
        let settings = format!("[signing]\nclients = ['client', 'thief']\n{more}");
        let signer = CountersignSigner::start_with(&settings, &[]).await?;
        let (client, other) = (signer.client(), signer.authority().leaf("thief")?);
        let section = signer.signer_settings();
        let mut of_thief = section.clone();
        for (from, to) in [(&client.certificate, &other.certificate), (&client.key, &other.key)] {
            of_thief = of_thief.replace(&from.display().to_string(), &to.display().to_string());
        }
        let servers =
            [Countersign::start_with(&section).await?, Countersign::start_with(&of_thief).await?];
        let [owner, thief] = [Wire::to(servers[0].endpoint())?, Wire::to(servers[1].endpoint())?];
        let collection = upload::collection_with_server_snapshot(&owner, OWNER).await?;
        let parts = collection.parts(&["root", "targets"]);
        let answer = upload::publish(&owner, OWNER, &parts).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let key = upload::server_key(&owner, OWNER, "timestamp").await?;
        Ok(Self { signer, owner, thief, thief_shows: other, collection, key, _servers: servers })
    }

    /// How often the signer has signed with the owner's key.
    fn signatures(&self) -> usize {
        let (log, id) = (self.signer.log(), key_id(&self.key));
        let signed = log.lines().filter(|line| line.contains("countersign::signatures"));
        signed.filter(|line| line.contains(&id)).count()
    }

    /// A line of the signer's log about the owner's key, wanted by `caller` for `gun`.
    fn says(&self, words: &str, caller: &str, gun: &str) -> Result<()> {
        let (log, id) = (self.signer.log(), key_id(&self.key));
        let has = |line: &str, what: &str| line.contains(what);
        let told = log.lines().any(|line| {
            has(line, words)
                && has(line, &id)
                && has(line, gun)
                && has(line, &format!("{caller} at "))
        });
        ensure!(told, "{words:?} is not said of {id} for {gun}, wanted by {caller}\n{log}");
        Ok(())
    }

    /// The thief's server is asked to publish a root of its own GUN that names the owner's key.
    async fn steals(&self) -> Result<()> {
        let snapshot = Some(upload::server_key(&self.thief, THIEF, "snapshot").await?);
        let keys = ServerKeys { timestamp: self.key.clone(), snapshot };
        let forged = Repository::new(THIEF, 12, upload::now(), &keys);
        let parts = forged.parts(&["root", "targets"]);
        let before = self.signatures();
        let deadline = Instant::now() + PATIENCE;
        let answer = loop {
            let answer = upload::publish(&self.thief, THIEF, &parts).await?;
            // Until it has looked through its stored roots, it cannot say whose the key is.
            if answer.status != 503 {
                break answer;
            }
            ensure!(Instant::now() < deadline, "the roots are never looked through");
        };
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status == 400 && said.contains("no timestamp keys exist"), "{said}");
        for file in ["root.json", "targets.json", "snapshot.json", "timestamp.json"] {
            ensure!(self.thief.document(THIEF, file).await?.status == 404, "{file} is stored");
        }
        let feed = self.thief.get("/v2/_trust/changefeed?records=100").await?;
        let feed: Value = serde_json::from_slice(&feed.body)?;
        ensure!(feed["count"] == 0, "{feed}");
        ensure!(self.signatures() == before, "it has signed\n{}", self.signer.log());
        Ok(())
    }

    /// The owner's collection is published to and read as ever.
    async fn goes_on(&mut self) -> Result<()> {
        self.collection.bump("targets");
        let parts = self.collection.parts(&["targets"]);
        let answer = upload::publish(&self.owner, OWNER, &parts).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(self.owner.document(OWNER, "timestamp.json").await?.status == 200);
        Ok(())
    }
}

async fn gets_nothing(more: &str) -> Result<()> {
    let mut scene = Scene::start(more).await?;
    scene.steals().await?;
    scene.says("a key is asked for that was made for another GUN or role", "thief", THIEF)?;
    scene.goes_on().await
}

#[tokio::test]
async fn another_guns_key_in_a_root_gets_no_signature_of_our_signer() -> Result<()> {
    gets_nothing("").await
}

#[tokio::test]
async fn another_guns_key_in_a_root_gets_no_signature_where_a_gun_is_required() -> Result<()> {
    gets_nothing("require_gun = true\n").await
}

/// What a client of the signer can send that is no server of ours.
async fn calls(more: &str, without_gun: Option<Code>) -> Result<()> {
    let mut scene = Scene::start(more).await?;
    let ca = scene.signer.authority().certificate();
    let channel = connect(scene.signer.port(), &ca, Some(&scene.thief_shows)).await?;
    let key_id = KeyId { id: key_id(&scene.key) };
    let wanted = SignatureRequest { key_id: Some(key_id.clone()), content: b"{}".to_vec() };
    let (look, sign) = (key_id.encode_to_vec(), wanted.encode_to_vec());

    let before = scene.signatures();
    for purpose in [(THIEF, "timestamp"), (OWNER, "snapshot"), (THIEF, "snapshot")] {
        for (path, message, words) in
            [(LOOK, &look, "a key is asked for"), (SIGN, &sign, "nothing is signed")]
        {
            let refused = call_for(&channel, path, message.clone(), purpose).await;
            let refused = refused.err().context("not refused")?;
            ensure!(refused.code() == Code::NotFound, "{path} {purpose:?}: {refused:?}");
            scene.says(words, "thief", purpose.0)?;
        }
    }
    ensure!(scene.signatures() == before, "it has signed\n{}", scene.signer.log());
    for (path, message) in [(LOOK, &look), (SIGN, &sign)] {
        let answer = call(&channel, path, message.clone()).await;
        match (answer, without_gun) {
            (Ok(_), None) => {}
            (Err(refused), Some(code)) if refused.code() == code => {}
            (other, _) => bail!("{path} without a GUN: {other:?}"),
        }
    }
    let signed = usize::from(without_gun.is_none());
    ensure!(scene.signatures() == before + signed, "{}", scene.signer.log());
    call_for(&channel, SIGN, sign, (OWNER, "timestamp")).await?;
    scene.goes_on().await
}

#[tokio::test]
async fn who_asks_for_a_key_of_another_gun_is_told_that_there_is_none_and_is_in_the_log()
-> Result<()> {
    calls("", None).await
}

#[tokio::test]
async fn where_a_gun_is_required_who_names_none_is_denied_and_nothing_is_signed() -> Result<()> {
    calls("require_gun = true\n", Some(Code::PermissionDenied)).await
}
