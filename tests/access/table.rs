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
use crate::kinds::{self, GUN, InGo, Kind, Right, Worth};
use crate::routes::{self, Answer, Demand, HERE, MISSING, Route};
use crate::server::{REALM, SERVICE, Whose};
use crate::stage::Stage;

/// The documents of a collection.
const DOCUMENTS: [&str; 5] =
    ["root.json", "1.root.json", "targets.json", "snapshot.json", "timestamp.json"];

/// A server on which one collection is published and the next publishes are ready.
pub(crate) struct Subject {
    whose: Whose,
    line: Line,
    /// A good publish of each GUN that is never sent by anybody who may publish.
    next: [(&'static str, Vec<u8>); 2],
    /// What readers have.
    documents: Vec<Outcome>,
}

impl Subject {
    pub(crate) async fn prepare(whose: Whose, line: Line, stage: &Stage) -> Result<Self> {
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
        Ok(Self { whose, line, next, documents })
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
            .with_context(|| format!("{:?} {}", self.whose, route.path))
            .map(Outcome::in_order)
    }

    /// Fails when a reader would see anything else than at the beginning.
    pub(crate) async fn is_unchanged(&self, stage: &Stage) -> Result<()> {
        let now = documents(&self.line, stage).await?;
        ensure!(now == self.documents, "{:?}: a refused request changed a GUN", self.whose);
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

fn expected(route: &Route, worth: Worth, whose: Whose) -> Expected {
    let wanted = wanted(&route.demand);
    let error = match worth {
        _ if wanted.is_empty() => return Expected::Passed,
        Worth::NoToken => "",
        Worth::Invalid => ",error=\"invalid_token\"",
        Worth::Rights(rights) => {
            let gun = gun_of(route).unwrap_or(HERE);
            if wanted.iter().all(|item| holds(rights, gun, item, whose)) {
                return Expected::Passed;
            }
            ",error=\"insufficient_scope\""
        }
    };
    Expected::Refused { challenge: challenge(&wanted, error), body: body(&wanted) }
}

/// What somebody is told whose token would do, and whom the rules keep out.
fn refused_by_rules(route: &Route) -> Expected {
    expected(route, Worth::Rights(&[]), Whose::Ours)
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

/// Go compares the bytes of a name in a path with the text in a token, ours compares texts; the
/// GUN is nowhere either way.
fn holds(rights: &[Right], gun: &str, (kind, name, action): &Item<'_>, whose: Whose) -> bool {
    if name.contains(NO_TEXT) && whose == Whose::Go {
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

/// What rules of ours say: whether a user may go where a token lets him.
pub(crate) type Rules = fn(user: &str, route: &Route) -> bool;

/// Without rules.
pub(crate) fn unruled(_: &str, _: &Route) -> bool {
    true
}

/// Plays the whole table against one server, or against Go's and ours at once.
pub(crate) async fn play(subjects: &[Subject], stage: &Stage, rules: Rules) -> Result<Findings> {
    let mut findings = Findings::default();
    let kinds = kinds::all();
    for route in routes::all() {
        for kind in &kinds {
            let expected: Vec<Expected> = subjects
                .iter()
                .map(|subject| match subject.whose {
                    Whose::Go => in_go(&route, kind),
                    Whose::Ours => ruled(&route, kind.worth, kind.user, rules),
                })
                .collect();
            let authorization = kind.authorization(stage, gun_of(&route).unwrap_or(HERE))?;
            let cell = Cell { route: &route, token: kind.name, authorization };
            findings.ask(&cell, subjects, &expected).await?;
        }
    }
    Ok(findings)
}

/// Asks our server for everything as each of these users, whose tokens have all rights.
pub(crate) async fn play_users(
    subject: &Subject,
    stage: &Stage,
    users: &[&'static str],
    rules: Rules,
) -> Result<Findings> {
    let mut findings = Findings::default();
    for route in routes::all() {
        for user in users {
            let token = stage.good(gun_of(&route).unwrap_or(HERE)).claim("sub", *user);
            let authorization = vec![format!("Bearer {}", token.sign(&stage.trusted.key)?)];
            let expected = [ruled(&route, kinds::EVERYTHING, user, rules)];
            let cell = Cell { route: &route, token: user, authorization };
            findings.ask(&cell, std::slice::from_ref(subject), &expected).await?;
        }
    }
    Ok(findings)
}

fn ruled(route: &Route, worth: Worth, user: &str, rules: Rules) -> Expected {
    match expected(route, worth, Whose::Ours) {
        Expected::Passed if !rules(user, route) => refused_by_rules(route),
        other => other,
    }
}

fn in_go(route: &Route, kind: &Kind) -> Expected {
    match kind.in_go {
        None => expected(route, kind.worth, Whose::Go),
        Some(InGo::Panics) if route.demand == Demand::Nothing => Expected::Passed,
        Some(InGo::Panics) => Expected::Nothing,
        Some(InGo::Worth(worth)) => expected(route, worth, Whose::Go),
    }
}

/// A route with a token.
struct Cell<'a> {
    route: &'a Route,
    /// What is special in the token.
    token: &'static str,
    authorization: Vec<String>,
}

impl Findings {
    /// Asks all, and looks whether each says what it must, and all that say the same say it in the
    /// same words.
    async fn ask(
        &mut self,
        cell: &Cell<'_>,
        subjects: &[Subject],
        expected: &[Expected],
    ) -> Result<()> {
        let route = cell.route;
        let may_pass = expected.contains(&Expected::Passed);
        if may_pass && route.destroys() {
            return Ok(());
        }
        self.asked += 1;
        if may_pass {
            self.passed += 1;
        } else {
            self.refused += 1;
        }
        let body = if may_pass { Body::Empty } else { Body::Publish };
        let mut answers = Vec::new();
        for (subject, expected) in subjects.iter().zip(expected) {
            let outcome = subject.ask(route, &cell.authorization, body).await?;
            if let Some(instead_of) = fault(&outcome, route, expected) {
                let whose = subject.whose;
                self.note(cell, &format!("{whose:?}: {outcome:?}\n  expected {instead_of}"));
            }
            answers.push(outcome);
        }
        let own = route.answer == Answer::Own && may_pass;
        if let ([first, second], [go, ours]) = (answers.as_slice(), expected)
            && (first, go) != (second, ours)
            && go == ours
            && !own
        {
            self.note(cell, &format!("  {first:?}\n  {second:?}"));
        }
        Ok(())
    }

    fn note(&mut self, cell: &Cell<'_>, what: &str) {
        let Cell { route, token, .. } = cell;
        self.faults.push(format!("{} {} with {token}\n  {what}", route.method, route.path));
    }

    /// Fails with all that is wrong, or when fewer cells passed or were refused than these.
    pub(crate) fn judge(&self, passed: usize, refused: usize) -> Result<()> {
        let enough = self.passed >= passed && self.refused >= refused;
        ensure!(enough, "{} passed and {} were refused", self.passed, self.refused);
        let mut text = String::new();
        for fault in &self.faults {
            writeln!(text, "{fault}")?;
        }
        ensure!(self.faults.is_empty(), "{} of {}\n{text}", self.faults.len(), self.asked);
        Ok(())
    }
}
