//! Plays a plan on both servers, one request after another, and keeps both outcomes of each.

use anyhow::Result;
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
    /// How often the stage has moved to a fresh GUN.
    moves: u64,
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
            };
            let accepted = self.step(step, &gun).await?;
            if accepted && matches!(step.scene, Scene::Stage(..)) {
                self.moves += 1;
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
        for step in preparation(&gun, holder, start) {
            self.step(&step, &gun).await?;
        }
        self.ready.push(gun.clone());
        Ok(gun)
    }

    /// Sends one step's request to both, then reads what is served. Returns whether either
    /// accepted a publish.
    async fn step(&mut self, step: &Step, gun: &str) -> Result<bool> {
        let (go_act, go_reply, go) = self.go.ask(step, gun).await?;
        let (our_act, our_reply, ours) = self.ours.ask(step, gun).await?;
        let is_publish = matches!(go_act.effect, Effect::Published(..));
        let accepted = is_publish && (go.is_ok() || ours.is_ok());
        let files = match (is_publish, accepted) {
            (true, true) => all_files(&go_act),
            // Whether the timestamp has moved.
            (true, false) => vec!["timestamp.json".to_owned()],
            (false, _) => Vec::new(),
        };
        let sent = [accepted_parts(&go_act, &go), accepted_parts(&our_act, &ours)];
        self.record(step.name.clone(), go_act.call.clone(), go, ours);
        go_act.learn(&mut self.go.world, gun, &go_reply);
        our_act.learn(&mut self.ours.world, gun, &our_reply);
        let [go_sent, our_sent] = sent;
        for file in files {
            let call = Call::get(format!("/v2/{gun}/_trust/tuf/{file}"));
            let go = self.go.read_back(&call, &file, &go_sent).await?;
            let ours = self.ours.read_back(&call, &file, &our_sent).await?;
            self.record(format!("{} > {file}", step.name), call, go, ours);
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
        let reply = self.line.send(call).await?;
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
    let in_its_story = matches!(scene(only), Some(Scene::Story(_))) && scene(number) == scene(only);
    number == only || number < only && in_its_story
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
