//! A small world in which requests arrive, others publish, lookups end and requests go away, in
//! every order; after each step the rule is checked: nobody gets what was old when he came.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::oneshot;

use super::SharedLookups;

/// How lookups are shared: the thing under test, or one that does it wrongly.
trait Sharing {
    fn find(self: Rc<Self>, look: Look) -> LocalBoxFuture<'static, u64>;
    /// Whether nothing is left of requests that are gone.
    fn is_tidy(&self) -> bool;
}

/// Begins a lookup.
type Look = Box<dyn FnOnce() -> LocalBoxFuture<'static, u64>>;

impl Sharing for SharedLookups<u8, u64> {
    fn find(self: Rc<Self>, look: Look) -> LocalBoxFuture<'static, u64> {
        async move { SharedLookups::find(&self, &0, look).await }.boxed_local()
    }

    fn is_tidy(&self) -> bool {
        self.places().is_empty()
    }
}

/// The usual single flight, which joins what is under way.
#[derive(Default)]
struct JoinsWhatIsUnderWay(RefCell<Option<Shared<LocalBoxFuture<'static, u64>>>>);

impl Sharing for JoinsWhatIsUnderWay {
    fn find(self: Rc<Self>, look: Look) -> LocalBoxFuture<'static, u64> {
        async move {
            let under_way = self.0.borrow().clone();
            let flight = under_way.unwrap_or_else(|| look().shared());
            *self.0.borrow_mut() = Some(flight.clone());
            let found = flight.await;
            *self.0.borrow_mut() = None;
            found
        }
        .boxed_local()
    }

    fn is_tidy(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Arrive,
    Publish,
    /// The lookup that began as this one ends.
    End(usize),
    /// This request goes away.
    Leave(usize),
    /// This request gets its turn on a thread; only where requests are not all run after each step.
    Run(usize),
}

/// What may still happen.
#[derive(Clone, Copy)]
struct Budget {
    arrivals: usize,
    publishes: u64,
    leaves: usize,
}

struct World<S> {
    sharing: Rc<S>,
    /// What is published.
    published: Rc<Cell<u64>>,
    lookups: Rc<RefCell<Vec<Lookup>>>,
    requests: Vec<Option<Request>>,
    budget: Budget,
    wrong: Option<String>,
}

/// What a lookup read when it began, and its end.
type Lookup = (u64, Option<oneshot::Sender<u64>>);

struct Request {
    /// What was published when it came.
    least: u64,
    answer: Pin<Box<dyn Future<Output = u64>>>,
}

impl<S: Sharing + 'static> World<S> {
    fn new(sharing: S, budget: Budget) -> Self {
        Self {
            sharing: Rc::new(sharing),
            published: Rc::default(),
            lookups: Rc::default(),
            requests: Vec::new(),
            budget,
            wrong: None,
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.requests.len() < self.budget.arrivals {
            steps.push(Step::Arrive);
        }
        if self.published.get() < self.budget.publishes {
            steps.push(Step::Publish);
        }
        let lookups = self.lookups.borrow();
        let ends = lookups.iter().enumerate().filter(|(_, lookup)| is_under_way(lookup));
        steps.extend(ends.map(|(number, _)| Step::End(number)));
        if self.budget.leaves > 0 {
            steps.extend(self.waiting().map(Step::Leave));
        }
        steps
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        let waiting = self.requests.iter().enumerate().filter(|(_, request)| request.is_some());
        waiting.map(|(number, _)| number)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Arrive => {
                let (published, lookups) = (Rc::clone(&self.published), Rc::clone(&self.lookups));
                let look: Look = Box::new(move || {
                    let (end, ended) = oneshot::channel();
                    // The worst that a database may do: it reads at once and answers late.
                    lookups.borrow_mut().push((published.get(), Some(end)));
                    async move { ended.await.unwrap() }.boxed_local()
                });
                let answer = Rc::clone(&self.sharing).find(look);
                self.requests.push(Some(Request { least: self.published.get(), answer }));
                // It has come when it is first run.
                self.run(self.requests.len() - 1);
            }
            Step::Publish => self.published.set(self.published.get() + 1),
            Step::End(number) => {
                let (read, end) = {
                    let mut lookups = self.lookups.borrow_mut();
                    (lookups[number].0, lookups[number].1.take())
                };
                end.unwrap().send(read).ok();
            }
            Step::Leave(number) => {
                self.budget.leaves -= 1;
                self.requests[number] = None;
            }
            Step::Run(number) => {
                self.run(number);
            }
        }
    }

    /// Runs a request as far as it gets; true when something came of it.
    fn run(&mut self, number: usize) -> bool {
        let begun = self.lookups.borrow().len();
        let Some(request) = &mut self.requests[number] else { return false };
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(found) = request.answer.as_mut().poll(&mut context) else {
            return self.lookups.borrow().len() > begun;
        };
        if found < request.least {
            self.wrong = Some(format!("{found} where {} was published before", request.least));
        }
        self.requests[number] = None;
        true
    }

    /// Runs all requests until nothing comes of it.
    fn run_all(&mut self) {
        while self.waiting().collect::<Vec<_>>().into_iter().any(|number| self.run(number)) {}
    }

    fn under_way(&self) -> usize {
        self.lookups.borrow().iter().filter(|lookup| is_under_way(lookup)).count()
    }

    /// Lets all lookups end: every request that is left must get its answer.
    fn finish(&mut self) {
        loop {
            self.run_all();
            let under_way = self.lookups.borrow().iter().position(is_under_way);
            match under_way {
                Some(number) => self.take(Step::End(number)),
                None => break,
            }
        }
        if self.waiting().count() > 0 {
            self.wrong = Some("a request waits for ever".to_owned());
        } else if !self.sharing.is_tidy() {
            self.wrong = Some("something is left of requests that are gone".to_owned());
        }
    }
}

fn is_under_way(lookup: &Lookup) -> bool {
    lookup.1.as_ref().is_some_and(|end| !end.is_closed())
}

/// Plays every order of steps, and says how many there were; or what went wrong, and after which.
fn play_every_order<S: Sharing + 'static>(
    make: &dyn Fn() -> S,
    budget: Budget,
    most_under_way: usize,
) -> Result<usize, String> {
    let (mut orders, mut unfinished) = (0, vec![Vec::<Step>::new()]);
    while let Some(order) = unfinished.pop() {
        let mut world = World::new(make(), budget);
        for step in &order {
            world.take(*step);
            world.run_all();
        }
        if world.under_way() > most_under_way {
            return Err(format!("{} lookups at once after {order:?}", world.under_way()));
        }
        let steps = world.steps();
        if steps.is_empty() {
            world.finish();
            orders += 1;
        }
        if let Some(wrong) = world.wrong {
            return Err(format!("{wrong}, after {order:?}"));
        }
        unfinished.extend(steps.into_iter().map(|step| [&order[..], &[step]].concat()));
    }
    Ok(orders)
}

/// The wait for a lookup that does not end needs a clock.
fn clock() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

const BUDGET: Budget = Budget { arrivals: 4, publishes: 2, leaves: 1 };

#[test]
fn in_no_order_does_a_request_get_what_was_old_when_it_came() {
    let clock = clock();
    let _entered = clock.enter();
    let orders = play_every_order(&SharedLookups::<u8, u64>::default, BUDGET, 1);
    assert!(orders.unwrap() > 1_000);
}

#[test]
fn nor_when_lookups_do_not_end_and_others_are_begun_beside_them() {
    let clock = clock();
    let _entered = clock.enter();
    let impatient = || SharedLookups::<u8, u64>::waiting_at_most(Duration::ZERO);
    let budget = Budget { leaves: 0, ..BUDGET };
    play_every_order(&impatient, budget, BUDGET.arrivals).unwrap();
}

/// The model finds what is wrong with joining a lookup that is under way.
#[test]
fn joining_what_is_under_way_is_found_to_be_stale() {
    let budget = Budget { leaves: 0, ..BUDGET };
    let wrong = play_every_order(&JoinsWhatIsUnderWay::default, budget, 1).unwrap_err();
    assert!(wrong.contains(" was published before, after "), "{wrong}");
}

/// Here requests are run one at a time, in any order, as threads do it.
#[test]
fn on_long_random_walks_nobody_gets_what_was_old_when_he_came() {
    let clock = clock();
    let _entered = clock.enter();
    let mut random = StdRng::seed_from_u64(6);
    for walk in 0..2_000 {
        let budget = Budget { arrivals: 12, publishes: 6, leaves: 4 };
        let mut world = World::new(SharedLookups::<u8, u64>::default(), budget);
        for _ in 0..random.random_range(10..60) {
            let runs = world.waiting().map(Step::Run).collect::<Vec<_>>();
            let steps = [world.steps(), runs].concat();
            let Some(step) = steps.choose(&mut random) else { break };
            world.take(*step);
            assert!(world.under_way() <= 1, "walk {walk}");
        }
        world.finish();
        assert_eq!(world.wrong, None, "walk {walk}");
    }
}

#[test]
fn all_who_come_during_a_lookup_share_the_next_one() {
    let clock = clock();
    let _entered = clock.enter();
    let budget = Budget { arrivals: 100, ..BUDGET };
    let mut world = World::new(SharedLookups::<u8, u64>::default(), budget);
    for _ in 0..100 {
        world.take(Step::Arrive);
    }
    world.finish();
    assert_eq!(world.lookups.borrow().len(), 2);
    assert_eq!(world.wrong, None);
}

/// Each lookup takes far longer than an old one is waited for.
#[test]
fn those_who_gave_up_on_an_old_lookup_share_one_of_their_own_to_its_end() {
    let clock = clock();
    let wait = Duration::from_millis(20);
    let lookups = SharedLookups::<u8, u64>::waiting_at_most(wait);
    let begun = Cell::new(0);
    let look = async || {
        begun.set(begun.get() + 1);
        tokio::time::sleep(wait * 10).await;
        begun.get()
    };
    let crowd = (0..50).map(|_| lookups.find(&0, look));
    clock.block_on(futures_util::future::join_all(crowd));
    assert_eq!(begun.get(), 2);
    assert!(lookups.places().is_empty());
}
