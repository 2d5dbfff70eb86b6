//! Whoever signs: asked for signatures, and for the processor time that they took.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use tokio::task::JoinSet;

/// How many signatures are asked for at once where that is measured.
pub(crate) const AT_ONCE: usize = 8;

/// The length of what is signed, in bytes: about that of a timestamp.
const MESSAGE_BYTES: usize = 450;

/// A custody to measure.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// What it is, for the table.
    fn name(&self) -> &'static str;

    /// Signs `message` with the key of this number; what comes back is a good signature, or the
    /// place refuses.
    async fn sign(&self, number: usize, message: &[u8]) -> Result<()>;

    /// The processor time so far of all that signs: not of who asks, where that is another process.
    fn spent(&self) -> Result<Duration>;
}

/// What one turn measured, for one signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Processor time, in microseconds.
    pub(crate) processor: f64,
    /// How long one signature took while nobody else asked, in microseconds.
    pub(crate) alone: f64,
    /// Signatures in a second, of [`AT_ONCE`] askers.
    pub(crate) rate: f64,
}

/// Asks for `signatures` one after the other, and then for as many at once.
pub(crate) async fn turn(place: &Arc<dyn Place>, keys: usize, signatures: usize) -> Result<Turn> {
    let before = place.spent()?;
    let alone = Instant::now();
    sign_in_turn(place, keys, 0..signatures).await?;
    let alone = alone.elapsed();
    let at_once = Instant::now();
    let mut askers = JoinSet::new();
    let share = signatures / AT_ONCE;
    for asker in 0..AT_ONCE {
        let (place, first) = (Arc::clone(place), asker * share);
        askers.spawn(async move { sign_in_turn(&place, keys, first..first + share).await });
    }
    while let Some(done) = askers.join_next().await {
        done??;
    }
    let at_once = at_once.elapsed();
    let spent = place.spent()?.saturating_sub(before);
    let (one, all) = (count(signatures), count(share * AT_ONCE));
    Ok(Turn {
        processor: spent.as_secs_f64() * 1e6 / (one + all),
        alone: alone.as_secs_f64() * 1e6 / one,
        rate: all / at_once.as_secs_f64(),
    })
}

async fn sign_in_turn(
    place: &Arc<dyn Place>,
    keys: usize,
    numbers: std::ops::Range<usize>,
) -> Result<()> {
    let mut message = vec![b'x'; MESSAGE_BYTES];
    for number in numbers {
        // No two messages are the same, as no two timestamps are.
        let digits = number.to_string();
        message.splice(..digits.len(), digits.bytes());
        place.sign(number % keys, &message).await?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The processor time of this process so far. Its threads do not end while it is measured.
pub(crate) fn own_processor_time() -> Result<Duration> {
    let mut nanoseconds: u64 = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let first = text.split_whitespace().next().and_then(|digits| digits.parse().ok());
        nanoseconds = nanoseconds.saturating_add(first.unwrap_or_default());
    }
    Ok(Duration::from_nanos(nanoseconds))
}
