//! The decision table: every route with every kind of token, asked of both servers.
//!
//! What must be answered follows from the two tables alone: what a route demands
//! ([`crate::routes`]) and what a token is worth ([`crate::kinds`]).

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::upload::form;
use reqwest::Method;
use serde_json::Value;

use crate::ask::{Line, Outcome};
use crate::kinds::{self, GUN, InGo, Kind, Worth};
use crate::routes::{self, Answer, Demand, HERE, MISSING, Route};
use crate::server::{REALM, SERVICE, Server, Whose};
use crate::stage::Stage;

/// The documents of a collection.
const DOCUMENTS: [&str; 5] =
    ["root.json", "1.root.json", "targets.json", "snapshot.json", "timestamp.json"];

/// A server on which one collection is published and the next publishes are ready.
pub(crate) struct Subject<'a> {
    pub(crate) server: &'a Server,
    line: Line,
    /// A good publish of each GUN that is never sent by anybody who may publish.
    next: [(&'static str, Vec<u8>); 2],
    /// What readers have.
    documents: Vec<Outcome>,
}

impl<'a> Subject<'a> {
    pub(crate) async fn prepare(server: &'a Server, stage: &Stage) -> Result<Self> {
        let line = Line::to(server.port)?;
        let mut here = line.collection(HERE, &stage.pass(HERE)?).await?;
        let first = here.parts(&["root", "targets"]);
        let published = line.publish(HERE, &first, &stage.pass(HERE)?).await?;
        ensure!(published.status == Some(200), "{published:?}");
        here.bump("targets");
        here.sign("targets");
        let missing = line.collection(MISSING, &stage.pass(MISSING)?).await?;
        let next = [
            (HERE, form(&here.parts(&["targets"]))),
            (MISSING, form(&missing.parts(&["root", "targets"]))),
        ];
        let documents = documents(&line, stage).await?;
        Ok(Self { server, line, next, documents })
    }

    /// Asks for `route` with a token.
    async fn ask(&self, route: &Route, authorization: &[String], body: Body) -> Result<Outcome> {
        let body = match (body, gun_of(route)) {
            (Body::Publish, Some(gun)) if route.is_publish() => {
                self.next.iter().find(|(name, _)| *name == gun).map(|(_, body)| body.clone())
            }
            _ => None,
        };
        self.line
            .ask(&route.method, &route.path, authorization, body.unwrap_or_default())
            .await
            .with_context(|| format!("{:?} {}", self.server.whose, route.path))
            .map(Outcome::in_order)
    }

    /// Fails when a reader would see anything else than at the beginning.
    pub(crate) async fn is_unchanged(&self, stage: &Stage) -> Result<()> {
        let now = documents(&self.line, stage).await?;
        ensure!(now == self.documents, "{:?}: a refused request changed a GUN", self.server.whose);
        let path = format!("/v2/{MISSING}/_trust/tuf/root.json");
        let absent = self.line.get(&path, &stage.pass(MISSING)?).await?;
        ensure!(absent.status == Some(404), "a refused request made a GUN: {absent:?}");
        Ok(())
    }
}

async fn documents(line: &Line, stage: &Stage) -> Result<Vec<Outcome>> {
    let mut documents = Vec::new();
    for file in DOCUMENTS {
        let path = format!("/v2/{HERE}/_trust/tuf/{file}");
        let document = line.get(&path, &stage.pass(HERE)?).await?;
        ensure!(document.status == Some(200), "{file}: {document:?}");
        documents.push(document);
    }
    Ok(documents)
}

/// What is sent with a publish.
#[derive(Clone, Copy)]
enum Body {
    /// One that would be accepted.
    Publish,
    /// Nothing.
    Empty,
}

fn gun_of(route: &Route) -> Option<&str> {
    match &route.demand {
        Demand::Gun(gun, _) => Some(gun),
        Demand::Catalog | Demand::Nothing => None,
    }
}

/// What the specification says of a route with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// The connection ends without an answer.
    Nothing,
    /// The route's own answer.
    Passed,
    /// 401 with this challenge and this body.
    Refused { challenge: String, body: Value },
}

fn expected(route: &Route, worth: Worth) -> Expected {
    let wanted = wanted(&route.demand);
    let error = match worth {
        _ if wanted.is_empty() => return Expected::Passed,
        Worth::NoToken => "",
        Worth::Invalid => ",error=\"invalid_token\"",
        Worth::Rights(rights) => {
            let gun = gun_of(route).unwrap_or(HERE);
            if wanted.iter().all(|item| holds(rights, gun, item)) {
                return Expected::Passed;
            }
            ",error=\"insufficient_scope\""
        }
    };
    Expected::Refused { challenge: challenge(&wanted, error), body: body(&wanted) }
}

/// Type, name and action.
type Item<'a> = (&'static str, &'a str, &'static str);

fn wanted(demand: &Demand) -> Vec<Item<'_>> {
    match demand {
        Demand::Nothing => Vec::new(),
        Demand::Catalog => vec![("registry", "catalog", "*")],
        Demand::Gun(gun, actions) => {
            actions.iter().map(|action| ("repository", gun.as_str(), *action)).collect()
        }
    }
}

fn holds(rights: &[kinds::Right], gun: &str, (kind, name, action): &Item<'_>) -> bool {
    if name.contains(NO_TEXT) {
        return false;
    }
    rights.iter().any(|(held_kind, held_name, actions)| {
        let held_name = if *held_name == GUN { gun } else { held_name };
        held_kind == kind
            && held_name == *name
            && actions.iter().any(|held| held == action || *held == "*")
    })
}

fn challenge(wanted: &[Item<'_>], error: &str) -> String {
    let actions: Vec<&str> = wanted.iter().map(|(_, _, action)| *action).collect();
    let scope = wanted.first().map_or_else(String::new, |(kind, name, _)| {
        format!("{kind}:{}:{}", quoted(name), actions.join(","))
    });
    format!("Bearer realm=\"{REALM}\",service=\"{SERVICE}\",scope=\"{scope}\"{error}")
}

/// Stands for a byte 0xff, which JSON cannot hold.
const NO_TEXT: char = '\u{fffd}';

/// As Go's `%q` writes the characters that occur here.
fn quoted(name: &str) -> String {
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    escaped.replace('\0', "\\x00").replace(NO_TEXT, "\\xff")
}

fn body(wanted: &[Item<'_>]) -> Value {
    let item = |(kind, name, action): &Item<'_>| serde_json::json!({"Type": kind, "Class": "", "Name": name, "Action": action});
    serde_json::json!({"errors": [{
        "code": "UNAUTHORIZED",
        "message": "authentication required",
        "detail": wanted.iter().map(item).collect::<Vec<_>>(),
    }]})
}

/// Says what is wrong with an answer.
fn fault(outcome: &Outcome, route: &Route, expected: &Expected) -> Option<String> {
    match expected {
        Expected::Nothing => outcome.status.is_some().then(|| "no answer".to_owned()),
        Expected::Passed => {
            (outcome.status != Some(route.status)).then(|| format!("{}", route.status))
        }
        Expected::Refused { challenge, body } => {
            let body_fits = match route.method {
                Method::HEAD => outcome.body.is_empty(),
                _ => outcome.body.ends_with(b"\n") && is_json(&outcome.body, body),
            };
            let same = outcome.status == Some(401)
                && outcome.challenge == *challenge
                && outcome.cache_control.is_empty()
                && outcome.content_type == "application/json; charset=utf-8"
                && body_fits;
            (!same).then(|| format!("401 {challenge} {body}"))
        }
    }
}

fn is_json(text: &[u8], expected: &Value) -> bool {
    serde_json::from_slice::<Value>(text).is_ok_and(|seen| seen == *expected)
}

/// What a run found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many cells were asked.
    pub(crate) asked: usize,
    /// How many were refused, and how many passed.
    pub(crate) refused: usize,
    pub(crate) passed: usize,
    /// What is wrong, one line each.
    pub(crate) faults: Vec<String>,
}

/// Plays the whole table against one server, or against Go's and ours at once.
pub(crate) async fn play(subjects: &[Subject<'_>], stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    let kinds = kinds::all();
    for route in routes::all() {
        for kind in &kinds {
            cell(subjects, stage, &route, kind, &mut findings).await?;
        }
    }
    Ok(findings)
}

async fn cell(
    subjects: &[Subject<'_>],
    stage: &Stage,
    route: &Route,
    kind: &Kind,
    findings: &mut Findings,
) -> Result<()> {
    let ours = expected(route, kind.worth);
    let go = match kind.in_go {
        None => ours.clone(),
        Some(InGo::Panics) if ours == Expected::Passed => Expected::Passed,
        Some(InGo::Panics) => Expected::Nothing,
        Some(InGo::Worth(worth)) => expected(route, worth),
    };
    let may_pass = [&ours, &go].contains(&&Expected::Passed);
    if may_pass && route.destroys() {
        return Ok(());
    }
    let authorization = kind.authorization(stage, gun_of(route).unwrap_or(HERE))?;
    let body = if may_pass { Body::Empty } else { Body::Publish };
    findings.asked += 1;
    match ours {
        Expected::Passed => findings.passed += 1,
        _ => findings.refused += 1,
    }
    let mut answers = Vec::new();
    for subject in subjects {
        let outcome = subject.ask(route, &authorization, body).await?;
        let expected = if subject.server.whose == Whose::Go { &go } else { &ours };
        if let Some(instead_of) = fault(&outcome, route, expected) {
            let whose = subject.server.whose;
            findings.note(route, kind, &format!("{whose:?}: {outcome:?}\n  expected {instead_of}"));
        }
        answers.push(outcome);
    }
    if let [first, second] = answers.as_slice()
        && ours == go
        && first != second
        && !(route.answer == Answer::Own && ours == Expected::Passed)
    {
        findings.note(route, kind, &format!("  {first:?}\n  {second:?}"));
    }
    Ok(())
}

impl Findings {
    fn note(&mut self, route: &Route, kind: &Kind, what: &str) {
        self.faults.push(format!("{} {} with {}\n  {what}", route.method, route.path, kind.name));
    }

    /// Fails with all that is wrong, or when the table was not played.
    pub(crate) fn judge(&self) -> Result<()> {
        ensure!(self.passed > 1_000 && self.refused > 3_000, "too little was asked: {self:?}");
        let mut text = String::new();
        for fault in &self.faults {
            writeln!(text, "{fault}")?;
        }
        ensure!(self.faults.is_empty(), "{} of {}\n{text}", self.faults.len(), self.asked);
        Ok(())
    }
}
