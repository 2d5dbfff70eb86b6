//! A small world in which questions come, others publish, answers come and askers go away, in every
//! order; after each step the rule is checked: nobody gets what was old when he came.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::*;

/// What is published, and who looks.
#[derive(Default)]
struct Scene {
    published: AtomicU64,
    lookups: Mutex<Vec<Lookup>>,
}

/// A lookup: what is asked, and its end, which is given the outcome.
struct Lookup {
    questions: Vec<u8>,
    end: Option<oneshot::Sender<Outcome>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Found,
    Failed,
    Panicked,
}

/// When the database reads.
#[derive(Clone, Copy)]
enum Reads {
    /// The worst that it may do: at once, to answer late.
    AtOnce,
    /// What it must not do: what was there before it was asked.
    Before,
}

struct Database<const MOST: usize> {
    scene: Arc<Scene>,
    reads: Reads,
}

#[async_trait]
impl<const MOST: usize> AnswersTogether for Database<MOST> {
    type Question = u8;
    /// The question again, and what was published.
    type Answer = (u8, u64);

    const MOST: usize = MOST;

    fn size(_: &u8) -> usize {
        1
    }

    async fn answer(&self, questions: &[u8]) -> StorageResult<Vec<StorageResult<(u8, u64)>>> {
        let published = self.scene.published.load(Ordering::SeqCst);
        let read = match self.reads {
            Reads::AtOnce => published,
            Reads::Before => published.saturating_sub(1),
        };
        let (end, ended) = oneshot::channel();
        let lookup = Lookup { questions: questions.to_vec(), end: Some(end) };
        self.scene.lookups.lock().unwrap().push(lookup);
        match ended.await.unwrap() {
            Outcome::Found => Ok(questions.iter().map(|question| one(*question, read)).collect()),
            Outcome::Failed => Err(StorageError::Other("all of them".to_owned())),
            Outcome::Panicked => panic!("the world ends"),
        }
    }
}

/// A row that cannot be is told to whoever asked for it.
const BROKEN: u8 = 200;

fn one(question: u8, read: u64) -> StorageResult<(u8, u64)> {
    if question == BROKEN {
        return Err(StorageError::Other("only this one".to_owned()));
    }
    Ok((question, read))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come,
    Publish,
    /// The lookup that began as this one ends.
    End(usize),
    /// This asker goes away.
    Leave(usize),
}

/// What may still happen.
#[derive(Clone, Copy)]
struct Budget {
    comes: usize,
    publishes: u64,
    leaves: usize,
}

const BUDGET: Budget = Budget { comes: 4, publishes: 2, leaves: 1 };

type Answered = StorageResult<(u8, u64)>;

struct Asker {
    question: u8,
    /// What was published when he came.
    least: u64,
    answer: JoinHandle<Answered>,
}

struct World<const MOST: usize> {
    scene: Arc<Scene>,
    together: Arc<Together<Database<MOST>>>,
    askers: Vec<Option<Asker>>,
    answers: Vec<(u8, Answered)>,
    budget: Budget,
    wrong: Option<String>,
}

impl<const MOST: usize> World<MOST> {
    fn new(reads: Reads, longest_wait: Duration) -> Self {
        let scene = Arc::new(Scene::default());
        let database = Database { scene: Arc::clone(&scene), reads };
        let together = Together::waiting_at_most(database, longest_wait);
        let (askers, answers) = (Vec::new(), Vec::new());
        Self { scene, together, askers, answers, budget: BUDGET, wrong: None }
    }

    fn patient() -> Self {
        Self::new(Reads::AtOnce, LONGEST_WAIT)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.askers.len() < self.budget.comes {
            steps.push(Step::Come);
        }
        if self.scene.published.load(Ordering::SeqCst) < self.budget.publishes {
            steps.push(Step::Publish);
        }
        steps.extend(self.under_way().into_iter().map(Step::End));
        if self.budget.leaves > 0 {
            let waiting = self.askers.iter().enumerate().filter(|(_, asker)| asker.is_some());
            steps.extend(waiting.map(|(number, _)| Step::Leave(number)));
        }
        steps
    }

    /// The lookups that have not ended.
    fn under_way(&self) -> Vec<usize> {
        let lookups = self.scene.lookups.lock().unwrap();
        let open = lookups.iter().enumerate().filter(|(_, lookup)| lookup.end.is_some());
        open.map(|(number, _)| number).collect()
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Come => self.come(u8::try_from(self.askers.len()).unwrap()).await,
            Step::Publish => {
                self.scene.published.fetch_add(1, Ordering::SeqCst);
            }
            Step::End(number) => self.end(number, Outcome::Found).await,
            Step::Leave(number) => {
                self.budget.leaves -= 1;
                self.askers[number].take().unwrap().answer.abort();
            }
        }
        self.settle().await;
    }

    async fn come(&mut self, question: u8) {
        let together = Arc::clone(&self.together);
        let answer = tokio::spawn(async move { together.ask(question).await });
        let least = self.scene.published.load(Ordering::SeqCst);
        self.askers.push(Some(Asker { question, least, answer }));
        self.settle().await;
    }

    async fn end(&mut self, number: usize, outcome: Outcome) {
        let end = self.scene.lookups.lock().unwrap()[number].end.take();
        end.unwrap().send(outcome).ok();
        self.settle().await;
    }

    /// Until all tasks wait for the next step; then what was answered is judged.
    async fn settle(&mut self) {
        for _ in 0..12 {
            tokio::task::yield_now().await;
        }
        for asker in &mut self.askers {
            let Some(Asker { question, least, answer }) =
                asker.take_if(|asker| asker.answer.is_finished())
            else {
                continue;
            };
            let found = answer.await.unwrap();
            if let Ok((of, read)) = found
                && (of != question || read < least)
            {
                let wanted = format!("{question} was asked when {least} was published");
                self.wrong = Some(format!("{read} of {of} where {wanted}"));
            }
            self.answers.push((question, found));
        }
        let lookups = self.scene.lookups.lock().unwrap();
        if lookups.iter().any(|lookup| lookup.questions.len() > MOST) {
            self.wrong = Some("more at once than may be".to_owned());
        }
    }

    /// Lets all lookups end: everybody who is left must get his answer.
    async fn finish(&mut self) {
        while let Some(number) = self.under_way().first() {
            self.end(*number, Outcome::Found).await;
        }
        if self.askers.iter().any(Option::is_some) {
            self.wrong = Some("somebody waits for ever".to_owned());
        }
        let queue = self.together.queue();
        if !queue.waiting.is_empty() || queue.asker == super::Asker::Somebody {
            self.wrong = Some("something is left of those who are gone".to_owned());
        }
    }

    fn lookups(&self) -> Vec<Vec<u8>> {
        let lookups = self.scene.lookups.lock().unwrap();
        lookups.iter().map(|lookup| lookup.questions.clone()).collect()
    }
}

fn clock() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Plays every order of steps, and says how many there were; or what went wrong, and after which.
fn play_every_order<const MOST: usize>(
    make: &dyn Fn() -> World<MOST>,
    most_under_way: usize,
) -> Result<usize, String> {
    let clock = clock();
    let (mut orders, mut unfinished) = (0, vec![Vec::<Step>::new()]);
    while let Some(order) = unfinished.pop() {
        let (world, steps) = clock.block_on(async {
            let mut world = make();
            for step in &order {
                world.take(*step).await;
            }
            if world.under_way().len() > most_under_way {
                world.wrong = Some(format!("{} lookups at once", world.under_way().len()));
            }
            let steps = world.steps();
            if steps.is_empty() {
                world.finish().await;
            }
            (world, steps)
        });
        if let Some(wrong) = world.wrong {
            return Err(format!("{wrong}, after {order:?}"));
        }
        orders += usize::from(steps.is_empty());
        unfinished.extend(steps.into_iter().map(|step| [&order[..], &[step]].concat()));
    }
    Ok(orders)
}

#[test]
fn in_no_order_does_anybody_get_what_was_old_when_he_came() {
    let orders = play_every_order(&|| World::<2>::patient(), 1);
    assert!(orders.unwrap() > 1_000);
}

/// The model finds what is wrong with an answer from before the question.
#[test]
fn an_answer_from_before_the_question_is_found_to_be_stale() {
    let wrong = play_every_order(&|| World::<2>::new(Reads::Before, LONGEST_WAIT), 1);
    assert!(wrong.unwrap_err().contains(" was published, after "));
}

#[tokio::test]
async fn all_who_come_while_others_are_answered_are_asked_for_together() {
    let mut world = World::<100>::patient();
    for question in 0..100 {
        world.come(question).await;
    }
    world.finish().await;
    assert_eq!(world.lookups(), [vec![0], (1..100).collect()]);
    assert_eq!((world.wrong, world.answers.len()), (None, 100));
}

#[tokio::test]
async fn no_more_than_may_be_are_asked_for_together() {
    let mut world = World::<3>::patient();
    for question in 0..8 {
        world.come(question).await;
    }
    world.finish().await;
    assert_eq!(world.lookups(), [vec![0], vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(world.wrong, None);
}

#[tokio::test]
async fn an_error_is_told_to_all_whom_it_concerns_and_to_nobody_else() {
    let mut world = World::<9>::patient();
    for question in [0, 1, BROKEN, 2] {
        world.come(question).await;
    }
    world.end(0, Outcome::Failed).await;
    world.end(1, Outcome::Found).await;
    world.come(3).await;
    world.finish().await;
    let told: Vec<_> =
        world.answers.iter().map(|(question, found)| (*question, found.is_ok())).collect();
    assert_eq!(told, [(0, false), (1, true), (BROKEN, false), (2, true), (3, true)]);
    assert_eq!(world.wrong, None);
}

#[tokio::test]
async fn a_panic_leaves_nobody_waiting_and_others_are_answered_afterwards() {
    let mut world = World::<9>::patient();
    for question in [0, 1, 2] {
        world.come(question).await;
    }
    world.end(0, Outcome::Panicked).await;
    assert!(world.answers.iter().all(|(_, found)| found.is_err()));
    assert_eq!(world.answers.len(), 3);
    world.come(3).await;
    world.finish().await;
    assert!(matches!(world.answers.last(), Some((3, Ok(_)))), "{:?}", world.answers);
    assert_eq!(world.wrong, None);
}

#[tokio::test]
async fn who_goes_away_in_the_middle_of_his_own_lookup_breaks_nothing_off() {
    let mut world = World::<9>::patient();
    world.come(0).await;
    world.take(Step::Leave(0)).await;
    world.come(1).await;
    assert_eq!(world.lookups(), [vec![0]], "it is still under way");
    world.finish().await;
    assert_eq!(world.lookups(), [vec![0], vec![1]]);
    assert_eq!((world.wrong, world.answers.len()), (None, 1));
}

impl<const MOST: usize> World<MOST> {
    /// Whom the first lookup keeps waiting for as long as anybody waits for an older one.
    async fn stalled() -> Self {
        let mut world = Self::new(Reads::AtOnce, Duration::from_millis(5));
        world.come(0).await;
        world
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !is_so(self) {
            assert!(std::time::Instant::now() < deadline, "it never came so far");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn who_waits_for_a_lookup_that_does_not_end_is_asked_for_beside_it() {
    let mut world = World::<9>::stalled().await;
    world.come(1).await;
    world.come(2).await;
    world.until(|world| world.under_way().len() == 2).await;
    world.end(1, Outcome::Found).await;
    assert_eq!(world.lookups(), [vec![0], vec![1, 2]]);
    assert_eq!(world.answers.len(), 2);
    world.finish().await;
    assert_eq!((world.wrong, world.answers.len()), (None, 3));
}

#[tokio::test]
async fn who_comes_late_to_a_lookup_that_does_not_end_is_asked_for_at_once() {
    let mut world = World::<9>::stalled().await;
    world.until(|world| world.together.queue().asker == super::Asker::Nobody).await;
    world.come(1).await;
    assert_eq!(world.under_way().len(), 2);
    world.end(1, Outcome::Found).await;
    assert_eq!(world.answers.len(), 1);
    world.finish().await;
    assert_eq!((world.wrong, world.answers.len()), (None, 2));
}
