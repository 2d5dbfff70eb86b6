//! Plays a plan on both servers at the same time, each server's requests one after another, and
//! keeps both outcomes of each.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::exchange::{Call, Line, Reply};
use crate::outcome::{Content, Outcome};
use crate::step::{Act, Effect, Scene, Start, Step};
use crate::world::{SnapshotHolder, World};

/// One request and what both servers made of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) seed: u64,
    /// The number of the step in its plan.
    pub(crate) number: usize,
    /// The step's name; for what is read after a publish, with the file's name behind it.
    pub(crate) name: String,
    /// The request as Go got it; ours differs in the server's keys at most.
    pub(crate) call: Call,
    pub(crate) go: Outcome,
    pub(crate) ours: Outcome,
}

impl Record {
    /// Whether it is about what is served after a publish.
    pub(crate) fn is_reading(&self) -> bool {
        self.name.contains(" > ")
    }

    /// Whether the name holds `part`.
    pub(crate) fn names(&self, part: &str) -> bool {
        self.name.contains(part)
    }

    /// Whether the name holds any of `parts`.
    pub(crate) fn names_any(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.names(part))
    }

    /// Whether it is a step of a walk: anything else may be wrong with it, or new in it, too.
    pub(crate) fn is_walk(&self) -> bool {
        self.names("walk/")
    }

    /// Whether the name of a walk's publish lists `role` among what was sent.
    pub(crate) fn sends(&self, role: &str) -> bool {
        let sent = self.name.rsplit_once(" of ").map_or("", |(_, sent)| sent);
        sent.split(' ').any(|sent| sent == role)
    }

    /// Whether the name ends in any of `ends`.
    pub(crate) fn name_ends(&self, ends: &[&str]) -> bool {
        ends.iter().any(|end| self.name.ends_with(end))
    }

    /// The request, both outcomes, and how to see them again.
    pub(crate) fn describe(&self) -> String {
        let Self { seed, number, name, call, go, ours } = self;
        format!(
            "{name} (seed {seed}, step {number})\n  Go:   {go}\n  ours: {ours}\n  \
             again: COUNTERSIGN_DIFFERENTIAL={seed}:{number} cargo test -p countersign-tests \
             --test differential\n  {}",
            call.describe()
        )
    }
}

/// One server and what the client knows of it.
struct Side<'a> {
    line: &'a Line,
    world: World,
}

/// A plan being played.
pub(crate) struct Play<'a> {
    seed: u64,
    number: usize,
    go: Side<'a>,
    ours: Side<'a>,
    /// How often the stage, or a walk, has moved to a fresh GUN.
    moves: u64,
    /// The present GUN of each walk.
    paths: BTreeMap<usize, String>,
    /// The GUNs of the stage that are ready.
    ready: Vec<String>,
    records: Vec<Record>,
}

impl<'a> Play<'a> {
    pub(crate) fn new(seed: u64, now: DateTime<Utc>, go: &'a Line, ours: &'a Line) -> Self {
        let side = |line| Side { line, world: World::new(seed, now) };
        Self {
            seed,
            number: 0,
            go: side(go),
            ours: side(ours),
            moves: 0,
            paths: BTreeMap::new(),
            ready: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Plays the steps of `plan`, or those that `only` needs: the earlier steps of its story.
    ///
    /// # Errors
    /// A server cannot be reached, or does not end its answer.
    pub(crate) async fn all(mut self, plan: &[Step], only: Option<usize>) -> Result<Vec<Record>> {
        for (number, step) in plan.iter().enumerate() {
            if only.is_some_and(|only| !is_needed(plan, number, only)) {
                continue;
            }
            self.number = number;
            let gun = match &step.scene {
                Scene::Story(gun) => gun.clone(),
                Scene::Stage(holder, start) => self.stage(*holder, *start).await?,
                Scene::Walk(walk, start) => self.walk(*walk, *start).await?,
            };
            let first = self.records.len();
            let accepted = self.step(step, &gun).await?;
            match &step.scene {
                Scene::Story(_) => {}
                Scene::Stage(..) => self.moves += u64::from(accepted),
                Scene::Walk(walk, _) => {
                    let differ = |record: &Record| record.go != record.ours;
                    if self.records.iter().skip(first).any(differ) {
                        self.paths.remove(walk);
                    }
                }
            }
        }
        Ok(self.records)
    }

    /// The stage's present GUN, made ready on both servers.
    async fn stage(&mut self, holder: SnapshotHolder, start: Start) -> Result<String> {
        let Self { seed, moves, .. } = self;
        let gun = format!("example.com/stage-{seed}-{moves}/{holder:?}-{start:?}").to_lowercase();
        if self.ready.contains(&gun) {
            return Ok(gun);
        }
        self.prepare(&gun, holder, start).await?;
        self.ready.push(gun.clone());
        Ok(gun)
    }

    /// The walk's present GUN; a fresh one where it begins, or where the servers have parted. With
    /// `Start::Published` the GUN has a collection.
    async fn walk(&mut self, walk: usize, start: Start) -> Result<String> {
        let gun = match self.paths.get(&walk) {
            Some(gun) if start == Start::Published => gun.clone(),
            _ => {
                let gun = format!("example.com/walk-{}/{walk}/{}", self.seed, self.moves);
                self.moves += 1;
                self.paths.insert(walk, gun.clone());
                self.prepare(&gun, SnapshotHolder::Client, Start::Unknown).await?;
                gun
            }
        };
        let published = self.go.world.repositories.contains_key(&gun);
        if start == Start::Published && !published {
            let holder = [SnapshotHolder::Client, SnapshotHolder::Server][walk % 2];
            self.prepare(&gun, holder, start).await?;
        }
        Ok(gun)
    }

    async fn prepare(&mut self, gun: &str, holder: SnapshotHolder, start: Start) -> Result<()> {
        for step in preparation(gun, holder, start) {
            self.step(&step, gun).await?;
        }
        Ok(())
    }

    /// Sends one step's request to both, then reads what is served. Returns whether either
    /// accepted a publish.
    async fn step(&mut self, step: &Step, gun: &str) -> Result<bool> {
        let ((go_act, go_reply, go), (our_act, our_reply, ours)) =
            tokio::try_join!(self.go.ask(step, gun), self.ours.ask(step, gun))?;
        let is_publish = matches!(go_act.effect, Effect::Published(..));
        let accepted = is_publish && (go.is_ok() || ours.is_ok());
        let files = match (is_publish, accepted) {
            (true, true) => all_files(&go_act),
            // Whether the timestamp has moved.
            (true, false) => vec!["timestamp.json".to_owned()],
            (false, _) => Vec::new(),
        };
        let sent = [accepted_parts(&go_act, &go), accepted_parts(&our_act, &ours)];
        ensure!(
            go_act.told == our_act.told,
            "not the same step: {} / {}",
            go_act.told,
            our_act.told
        );
        let name = format!("{}{}", step.name, go_act.told);
        self.record(name.clone(), go_act.call.clone(), go, ours);
        go_act.learn(&mut self.go.world, gun, &go_reply);
        our_act.learn(&mut self.ours.world, gun, &our_reply);
        let [go_sent, our_sent] = sent;
        for file in files {
            let call = Call::get(format!("/v2/{gun}/_trust/tuf/{file}"));
            let (go, ours) = tokio::try_join!(
                self.go.read_back(&call, &file, &go_sent),
                self.ours.read_back(&call, &file, &our_sent)
            )?;
            self.record(format!("{name} > {file}"), call, go, ours);
        }
        Ok(accepted)
    }

    fn record(&mut self, name: String, call: Call, go: Outcome, ours: Outcome) {
        self.records.push(Record { seed: self.seed, number: self.number, name, call, go, ours });
    }
}

impl Side<'_> {
    async fn ask(&self, step: &Step, gun: &str) -> Result<(Act, Reply, Outcome)> {
        let act = step.act(&self.world, gun);
        let reply = self.line.send(&act.call).await?;
        let mut outcome = Outcome::of(&reply, step.content);
        if let (Effect::Key(role) | Effect::KeyAgain(role), Reply::Answer { body, .. }) =
            (&act.effect, &reply)
        {
            let last = self.world.keys.get(&(gun.to_owned(), role.clone()));
            let offered = serde_json::from_slice::<Value>(body).ok();
            outcome.body["same as the last"] = json!(offered.as_ref() == last);
        }
        Ok((act, reply, outcome))
    }

    /// Reads one file; of an accepted part also says whether it is served as it was sent.
    async fn read_back(
        &self,
        call: &Call,
        file: &str,
        accepted: &[(String, Vec<u8>)],
    ) -> Result<Outcome> {
        let reply = self.line.read(call).await?;
        let mut outcome = Outcome::of(&reply, Content::Document);
        let role = file.strip_suffix(".json").unwrap_or(file);
        let part = accepted.iter().find(|(name, _)| name == role);
        if let (Some((_, bytes)), Reply::Answer { status: 200, body, .. }) = (part, &reply) {
            outcome.body["as sent"] = json!(bytes == body);
        }
        Ok(outcome)
    }
}

/// Whether step `number` leads to step `only`.
fn is_needed(plan: &[Step], number: usize, only: usize) -> bool {
    let scene = |number: usize| plan.get(number).map(|step| &step.scene);
    let leads_there = match (scene(number), scene(only)) {
        (Some(Scene::Story(one)), Some(Scene::Story(other))) => one == other,
        (Some(Scene::Walk(one, _)), Some(Scene::Walk(other, _))) => one == other,
        _ => false,
    };
    number == only || number < only && leads_there
}

/// What makes a GUN of the stage ready.
fn preparation(gun: &str, holder: SnapshotHolder, start: Start) -> Vec<Step> {
    let mut steps = crate::plan::offered_keys(gun);
    if start == Start::Published {
        let scene = Scene::Story(gun.to_owned());
        steps.push(Step::new("stage/publish", scene, Content::Plain, move |world, gun| {
            Act::publish_all(world.furnished(gun, holder))
        }));
    }
    steps
}

/// The files of everything that a published collection holds.
fn all_files(act: &Act) -> Vec<String> {
    let Effect::Published(repository, _) = &act.effect else { return Vec::new() };
    let others = repository.roles().filter(|role| *role != "snapshot");
    let roles = ["timestamp", "snapshot"].into_iter().chain(others);
    roles.map(|role| format!("{role}.json")).collect()
}

/// The parts that a server took with `outcome`; none if it refused.
fn accepted_parts(act: &Act, outcome: &Outcome) -> Vec<(String, Vec<u8>)> {
    match &act.effect {
        Effect::Published(_, parts) if outcome.is_ok() => parts.clone(),
        _ => Vec::new(),
    }
}
