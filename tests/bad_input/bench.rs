//! A server with one published collection, and what must hold after anything bad.

use anyhow::{Context as _, Result, ensure};
use countersign_forge::faults::named;
use countersign_forge::repository::Repository;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::upload::CONTENT_TYPE;
use countersign_tests::wire::{Answer, RawConnection, Wire};
use http::{HeaderValue, Method};
use serde_json::Value;

pub(crate) use countersign_tests::upload::{collection, form, part, publish_path, server_key};

/// The GUN of the published collection.
pub(crate) const GUN: &str = "example.com/lab/app";

/// The most memory that the server may ever have had in use, in KiB: room for the values that
/// one publish may hold.
const MEMORY_KIB: u64 = 700_000;

/// The server, and the collection as its owner holds it.
pub(crate) struct Bench {
    pub(crate) server: Countersign,
    pub(crate) wire: Wire,
    pub(crate) repository: Repository,
}

impl Bench {
    /// A server with the default settings and a published collection: client-held snapshot, a
    /// target, the delegation `targets/a`.
    pub(crate) async fn start() -> Result<Self> {
        Self::under("").await
    }

    /// The same under these settings.
    pub(crate) async fn under(settings: &str) -> Result<Self> {
        let server = Countersign::start_with(settings).await?;
        let wire = Wire::to(server.endpoint())?;
        let mut repository = collection(&wire, GUN).await?;
        let key = repository.new_ecdsa_key();
        repository.add_delegation("targets/a", key);
        repository.add_target("targets", "v1", b"content");
        let bench = Self { server, wire, repository };
        bench.accepts(&bench.repository.all_parts()).await?;
        Ok(bench)
    }

    /// Publishes to the collection's GUN.
    pub(crate) async fn publish(&self, parts: &[(String, Vec<u8>)]) -> Result<Answer> {
        self.send(form(parts)).await
    }

    /// Publishes, and expects success.
    pub(crate) async fn accepts(&self, parts: &[(String, Vec<u8>)]) -> Result<()> {
        let answer = self.publish(parts).await?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
        Ok(())
    }

    /// Sends a body to the collection's publish route.
    pub(crate) async fn send(&self, body: Vec<u8>) -> Result<Answer> {
        let content_type = HeaderValue::from_static(CONTENT_TYPE);
        self.wire.send(Method::POST, &publish_path(GUN), Some(&content_type), body).await
    }

    /// Sends a body that must be refused with this status and code; nothing changes.
    pub(crate) async fn refuses(&self, body: Vec<u8>, status: u16, code: &str) -> Result<Value> {
        let before = self.state().await?;
        let answer = self.send(body).await?;
        let detail = check_refusal(&answer, status, code)?;
        ensure!(self.state().await? == before, "a refused upload changed something");
        self.is_small()?;
        Ok(detail)
    }

    /// The same for an update; `kind` is the name of its refusal.
    pub(crate) async fn refuses_update(
        &self,
        parts: &[(String, Vec<u8>)],
        kind: &str,
    ) -> Result<()> {
        let detail = self.refuses(form(parts), 400, "INVALID_UPDATE").await?;
        ensure!(member(&detail, "/Name") == kind, "{detail} is not {kind}");
        self.goes_on().await
    }

    /// The collection with one fault of the forge in the document of `role`, as a publish.
    pub(crate) fn damaged(&self, fault: &str, role: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let mut repository = self.next();
        named(fault).with_context(|| format!("no fault {fault}"))?.apply(&mut repository, role);
        Ok(repository.all_parts())
    }

    /// The collection one version further.
    pub(crate) fn next(&self) -> Repository {
        let mut repository = self.repository.clone();
        for role in ["targets/a", "targets", "snapshot"] {
            repository.bump(role);
        }
        repository
    }

    /// Shows that the next good publish works.
    pub(crate) async fn goes_on(&self) -> Result<()> {
        self.accepts(&self.next().parts(&["targets", "targets/a", "snapshot"])).await
    }

    /// Everything that a refused publish must leave as it was: the changefeed and the documents.
    pub(crate) async fn state(&self) -> Result<Vec<(u16, Vec<u8>)>> {
        let documents = ["root", "targets", "targets/a", "snapshot", "timestamp"]
            .map(|role| format!("/v2/{GUN}/_trust/tuf/{role}.json"));
        let mut state = Vec::new();
        for path in documents.into_iter().chain(["/v2/_trust/changefeed?records=1000".to_owned()]) {
            let answer = self.wire.get(&path).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
            state.push((answer.status, answer.body));
        }
        Ok(state)
    }

    /// Shows that the server never had more memory in use than it may.
    pub(crate) fn is_small(&self) -> Result<()> {
        let peak = self.server.peak_memory_kib()?;
        ensure!(peak < MEMORY_KIB, "the server had {peak} KiB of memory in use");
        Ok(())
    }

    /// A connection for bytes that no client library would send.
    pub(crate) async fn raw(&self) -> Result<RawConnection> {
        RawConnection::open(self.server.endpoint()).await
    }
}

/// Checks status and code, and gives the detail.
pub(crate) fn check_refusal(answer: &Answer, status: u16, code: &str) -> Result<Value> {
    let text = String::from_utf8_lossy(&answer.body);
    let mut body: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("{}: {text}", answer.status))?;
    let found = (answer.status, member(&body, "/errors/0/code"));
    ensure!(found == (status, code), "{found:?} is not {:?}: {text}", (status, code));
    Ok(body.pointer_mut("/errors/0/detail").map(Value::take).unwrap_or_default())
}

/// The text at a JSON pointer; empty when there is none.
pub(crate) fn member<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One document as the body of a publish of `root`.
pub(crate) fn document(text: impl Into<Vec<u8>>) -> Vec<u8> {
    form(&[("root".to_owned(), text.into())])
}
