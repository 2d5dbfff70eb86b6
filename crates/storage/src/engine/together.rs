//! Questions that go to the database together.
//!
//! One question at a time is under way for all; those who come in the meantime wait, and are asked
//! together when it is answered. So nobody is answered by what was read before he came, and many who
//! ask at once cost hardly more than one.
//!
//! Whoever asks may go away: the questions are asked by a task of their own.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::contract::{StorageError, StorageResult};

/// How long those who come later wait for what is under way. Then they are asked for beside it: on a
/// link that stalls they must not wait for all that came before.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Who answers many questions at once.
#[async_trait]
pub(super) trait AnswersTogether: Send + Sync + 'static {
    /// A question.
    type Question: Send + Sync;
    /// Its answer.
    type Answer: Send;

    /// The most that is asked together, in the measure of [`AnswersTogether::size`].
    const MOST: usize;

    /// How much a question asks for.
    fn size(question: &Self::Question) -> usize;

    /// The answers, in the order of the questions. What is read is read after this call began. An
    /// error is one of all of them.
    async fn answer(
        &self,
        questions: &[Self::Question],
    ) -> StorageResult<Vec<StorageResult<Self::Answer>>>;
}

/// Questions to one database.
pub(super) struct Together<D: AnswersTogether> {
    database: D,
    longest_wait: Duration,
    queue: Mutex<Queue<D>>,
}

struct Queue<D: AnswersTogether> {
    waiting: VecDeque<Waiting<D>>,
    asker: Asker,
    /// Whether many came together the last time.
    crowd: Crowd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crowd {
    One,
    Many,
}

/// Whether there is a task that will ask what waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Nobody,
    Somebody,
}

/// A question, and whoever waits for its answer.
struct Waiting<D: AnswersTogether> {
    question: D::Question,
    answer: oneshot::Sender<StorageResult<D::Answer>>,
}

impl<D: AnswersTogether> Together<D> {
    /// Questions to `database`.
    pub(super) fn new(database: D) -> Arc<Self> {
        Self::waiting_at_most(database, LONGEST_WAIT)
    }

    fn waiting_at_most(database: D, longest_wait: Duration) -> Arc<Self> {
        let queue = Queue { waiting: VecDeque::new(), asker: Asker::Nobody, crowd: Crowd::Many };
        Arc::new(Self { database, longest_wait, queue: Mutex::new(queue) })
    }

    /// The answer to this question, from what is read after this call began.
    pub(super) async fn ask(self: &Arc<Self>, question: D::Question) -> StorageResult<D::Answer> {
        let (answer, answered) = oneshot::channel();
        let before = {
            let mut queue = self.queue();
            queue.waiting.push_back(Waiting { question, answer });
            std::mem::replace(&mut queue.asker, Asker::Somebody)
        };
        if before == Asker::Nobody {
            Arc::clone(self).start_asking();
        }
        answered.await.unwrap_or_else(|_| Err(unanswered()))
    }

    fn start_asking(self: Arc<Self>) {
        // Made here: also a task that never begins ends its turn.
        let turn = Turn(Some(self));
        tokio::spawn(turn.ask_what_waits());
    }

    /// No call leaves the queue half changed, so a panic elsewhere does not spoil it.
    fn queue(&self) -> MutexGuard<'_, Queue<D>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: AnswersTogether> Queue<D> {
    /// What is asked next, first come first; whoever has gone away is left out.
    fn take(&mut self) -> Vec<Waiting<D>> {
        let (mut taken, mut size) = (Vec::new(), 0_usize);
        while let Some(next) = self.waiting.pop_front() {
            if next.answer.is_closed() {
                continue;
            }
            size = size.saturating_add(D::size(&next.question));
            if size > D::MOST && !taken.is_empty() {
                self.waiting.push_front(next);
                break;
            }
            taken.push(next);
        }
        taken
    }
}

/// The task that asks, for as long as others may count on it.
struct Turn<D: AnswersTogether>(Option<Arc<Together<D>>>);

impl<D: AnswersTogether> Turn<D> {
    async fn ask_what_waits(mut self) {
        while let Some(together) = self.0.clone() {
            // Whoever has come by now is let in first, where there may be somebody.
            if self.crowd() == Crowd::Many {
                tokio::task::yield_now().await;
            }
            let Some(taken) = self.take() else { return };
            let (questions, waiting): (Vec<_>, Vec<_>) =
                taken.into_iter().map(|Waiting { question, answer }| (question, answer)).unzip();
            let mut answering = pin!(together.database.answer(&questions));
            let found = match tokio::time::timeout(together.longest_wait, answering.as_mut()).await
            {
                Ok(found) => found,
                Err(_) => {
                    self.leave_to_another();
                    answering.await
                }
            };
            tell(waiting, found);
        }
    }

    fn crowd(&self) -> Crowd {
        self.0.as_ref().map_or(Crowd::One, |together| together.queue().crowd)
    }

    /// What is asked next; `None`, and the turn is over, when nobody waits.
    fn take(&mut self) -> Option<Vec<Waiting<D>>> {
        let together = self.0.as_ref()?;
        let mut queue = together.queue();
        let taken = queue.take();
        if taken.is_empty() {
            queue.asker = Asker::Nobody;
            drop(queue);
            self.0 = None;
            return None;
        }
        queue.crowd = if taken.len() > 1 { Crowd::Many } else { Crowd::One };
        Some(taken)
    }

    /// Ends the turn; who waits, or comes from now on, is asked for by another task.
    fn leave_to_another(&mut self) {
        let Some(together) = self.0.take() else { return };
        let mut queue = together.queue();
        if queue.waiting.is_empty() {
            queue.asker = Asker::Nobody;
            return;
        }
        drop(queue);
        together.start_asking();
    }
}

/// A turn that is broken off leaves nobody waiting.
impl<D: AnswersTogether> Drop for Turn<D> {
    fn drop(&mut self) {
        let Some(together) = self.0.take() else { return };
        let mut queue = together.queue();
        queue.asker = Asker::Nobody;
        let left = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(left);
    }
}

/// Whoever does not wait any more need not know.
fn tell<T>(
    waiting: Vec<oneshot::Sender<StorageResult<T>>>,
    found: StorageResult<Vec<StorageResult<T>>>,
) {
    match found {
        Ok(answers) => {
            for (answer, found) in waiting.into_iter().zip(answers) {
                answer.send(found).ok();
            }
        }
        Err(error) => {
            for answer in waiting {
                answer.send(Err(error.clone())).ok();
            }
        }
    }
}

fn unanswered() -> StorageError {
    StorageError::Unavailable {
        reason: "whoever asked has ended; the program is stopping".to_owned(),
    }
}

impl<D: AnswersTogether> fmt::Debug for Together<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("waiting", &self.queue().waiting.len()).finish()
    }
}

#[cfg(test)]
mod model;
