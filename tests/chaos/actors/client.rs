//! Requests to a replica by chance, each written down with its answer.

use std::sync::Arc;

use anyhow::Result;
use countersign_tests::upload;
use countersign_tests::wire::{Answer, Endpoint, Wire};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::history::{Action, By, Change, Edition, Operation, Outcome, Recorder};

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    wires: Vec<Wire>,
    recorder: Recorder,
}

impl Client {
    /// Asks the replicas that answer here.
    pub(crate) fn new(endpoints: &[Endpoint], recorder: &Recorder) -> Result<Self> {
        let wires = endpoints.iter().map(Wire::to).collect::<Result<_>>()?;
        Ok(Self { wires, recorder: recorder.clone() })
    }

    /// Where what happens is written down.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// A document, where it is served.
    pub(crate) async fn document(
        &self,
        rng: &mut StdRng,
        gun: &Arc<str>,
        role: &Arc<str>,
        by: By,
    ) -> Option<Vec<u8>> {
        let file = match by {
            By::Name => format!("{role}.json"),
            By::Version(version) => format!("{version}.{role}.json"),
            By::Digest(sha256) => format!("{role}.{}.json", hex::encode(sha256)),
        };
        let action = Action::Read { gun: Arc::clone(gun), role: Arc::clone(role), by };
        let path = format!("/v2/{gun}/_trust/tuf/{file}");
        let replica = rng.random_range(0..self.wires.len());
        let read = |answer: &Answer| served(role, by, answer);
        let (_, answer) = self.ask(replica, action, async |wire| wire.get(&path).await, read).await;
        answer.filter(|answer| answer.status == 200).map(|answer| answer.body)
    }

    /// A publish of these parts.
    pub(crate) async fn publish(
        &self,
        rng: &mut StdRng,
        gun: &Arc<str>,
        parts: &[(String, Vec<u8>)],
    ) -> Result<Outcome> {
        let editions = parts.iter().map(|(role, bytes)| Edition::of(&role.as_str().into(), bytes));
        let action =
            Action::Publish { gun: Arc::clone(gun), editions: editions.collect::<Result<_>>()? };
        let replica = rng.random_range(0..self.wires.len());
        let send = async |wire: &Wire| upload::publish(wire, gun, parts).await;
        Ok(self.ask(replica, action, send, published).await.0)
    }

    /// The changes after one, of one collection or of all.
    pub(crate) async fn changes(
        &self,
        rng: &mut StdRng,
        poller: usize,
        of: Option<&Arc<str>>,
        after: i64,
    ) -> Option<Vec<Change>> {
        let gun = of.map(|gun| format!("{gun}/")).unwrap_or_default();
        let records = rng.random_range(1..=100);
        let path = format!("/v2/{gun}_trust/changefeed?records={records}&change_id={after}");
        let action = Action::Poll { poller, of: of.cloned(), after };
        let replica = rng.random_range(0..self.wires.len());
        let polled = self.ask(replica, action, async |wire| wire.get(&path).await, listed).await;
        match polled.0 {
            Outcome::Changes(changes) => Some(changes),
            _ => None,
        }
    }

    /// Whether a replica says that it lives, or that it should get requests.
    pub(crate) async fn probe(&self, replica: usize, action: Action) {
        let path = match action {
            Action::Live => "/_countersign/live",
            _ => "/_countersign/ready",
        };
        let read = |answer: &Answer| match answer.status {
            200 => Outcome::Done,
            503 => Outcome::Later(text(answer)),
            _ => wrong(answer),
        };
        self.ask(replica, action, async |wire| wire.get(path).await, read).await;
    }

    async fn ask(
        &self,
        replica: usize,
        action: Action,
        send: impl AsyncFnOnce(&Wire) -> Result<Answer>,
        read: impl FnOnce(&Answer) -> Outcome,
    ) -> (Outcome, Option<Answer>) {
        let Some(wire) = self.wires.get(replica) else {
            return (Outcome::Wrong("no such replica".to_owned()), None);
        };
        let began = self.recorder.now();
        let answer = send(wire).await;
        let ended = self.recorder.now();
        let outcome = match &answer {
            Ok(answer) => read(answer),
            Err(error) => Outcome::Broken(format!("{error:#}")),
        };
        let noted = outcome.clone();
        self.recorder.operation(Operation { began, ended, replica, action, outcome: noted });
        (outcome, answer.ok())
    }
}

/// A document that is asked for by its digest or version has it.
fn served(role: &Arc<str>, by: By, answer: &Answer) -> Outcome {
    if answer.status != 200 {
        return not_now(answer);
    }
    let edition = match Edition::of(role, &answer.body) {
        Ok(edition) => edition,
        Err(error) => return Outcome::Wrong(format!("{error:#}")),
    };
    let is_asked_for = match by {
        By::Name => true,
        By::Version(version) => edition.version == version,
        By::Digest(sha256) => edition.sha256 == sha256,
    };
    match is_asked_for {
        true => Outcome::Document(edition),
        false => Outcome::Wrong(format!("another document: {edition}")),
    }
}

fn published(answer: &Answer) -> Outcome {
    if answer.status == 200 {
        return Outcome::Done;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.pointer("/errors/0/code").and_then(Value::as_str);
    match (answer.status, code) {
        (400, Some(code)) if ["VERSION", "INVALID_UPDATE"].contains(&code) => {
            Outcome::Refused(code.to_owned())
        }
        _ => not_now(answer),
    }
}

fn listed(answer: &Answer) -> Outcome {
    if answer.status != 200 {
        return not_now(answer);
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let records = body.get("records").and_then(Value::as_array);
    let changes = records.map(|records| records.iter().map(change).collect::<Option<Vec<_>>>());
    changes.flatten().map_or_else(|| wrong(answer), Outcome::Changes)
}

fn change(record: &Value) -> Option<Change> {
    let text = |name| record.get(name).and_then(Value::as_str);
    Some(Change {
        id: text("ID")?.parse().ok()?,
        gun: text("GUN")?.into(),
        version: record.get("Version")?.as_i64()?,
        sha256: text("SHA256")?.to_owned(),
    })
}

/// 503 that says when to ask again; anything else is wrong.
fn not_now(answer: &Answer) -> Outcome {
    match (answer.status, answer.header("retry-after")) {
        (503, after) if !after.is_empty() => Outcome::Later(text(answer)),
        _ => wrong(answer),
    }
}

fn wrong(answer: &Answer) -> Outcome {
    Outcome::Wrong(format!("{}: {}", answer.status, text(answer)))
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(300).collect()
}
