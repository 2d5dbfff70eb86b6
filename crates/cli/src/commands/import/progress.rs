//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_trust::operate::import::{Stage, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

const BAR: &str = "{msg} [{bar:30}] {pos}/{len}  {per_sec}  {eta} left";
const COUNTER: &str = "{msg} {spinner} {pos}  {per_sec}";

/// The number of a signal that asks to stop; 0 while none came.
type Signal = Arc<AtomicU8>;

/// Shows an import on standard error.
pub(super) struct Progress {
    signal: Signal,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines(Box<Lines>),
}

struct Lines {
    stage: Mutex<Current>,
    done: AtomicU64,
}

struct Current {
    stage: Stage,
    total: Option<u64>,
    began: Instant,
    said: Instant,
}

impl Progress {
    /// On the terminal, if standard error is one. The notes are said first.
    pub(super) fn new(notes: Vec<String>) -> Self {
        for note in notes {
            say(&format!("note: {note}"));
        }
        let shown = if io::stderr().is_terminal() {
            Shown::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4)))
        } else {
            let now = Instant::now();
            let current = Current { stage: Stage::Counting, total: None, began: now, said: now };
            Shown::Lines(Box::new(Lines { stage: Mutex::new(current), done: AtomicU64::new(0) }))
        };
        Self { signal: Arc::default(), shown }
    }

    /// Where the number of a signal is put.
    pub(super) fn stop(&self) -> Signal {
        Arc::clone(&self.signal)
    }

    /// The signal that came.
    pub(super) fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }

    /// Says something beside the progress.
    #[expect(clippy::unused_self, reason = "what is said goes where the progress goes")]
    pub(super) fn note(&self, note: &str) {
        say(&format!("note: {note}"));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress {
    fn is_stopped(&self) -> bool {
        self.signal().is_some()
    }

    fn begin(&self, stage: Stage, total: Option<u64>) {
        match &self.shown {
            Shown::Bar(bar) => {
                let template = if total.is_some() { BAR } else { COUNTER };
                // The templates are ours and are right; a bar without style is no reason to end.
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                match total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
                bar.set_message(name(stage));
                bar.reset();
            }
            Shown::Lines(lines) => lines.begin(stage, total),
        }
    }

    fn advance(&self) {
        match &self.shown {
            Shown::Bar(bar) => bar.inc(1),
            Shown::Lines(lines) => lines.advance(),
        }
    }
}

impl Lines {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        let now = Instant::now();
        let current = Current { stage, total, began: now, said: now };
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = current;
        self.done.store(0, Ordering::Relaxed);
        match total {
            Some(total) => say(&format!("{}: {total}", name(stage))),
            None => say(name(stage)),
        }
    }

    fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let mut current = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(current.said) < LINE_EVERY {
            return;
        }
        current.said = now;
        let passed = now.duration_since(current.began);
        say(&line(current.stage, done, current.total, passed));
    }
}

/// `verifying and moving repositories: 1200 of 5000, 60 a second, 63 s left`.
fn line(stage: Stage, done: u64, total: Option<u64>, passed: Duration) -> String {
    let seconds = passed.as_secs().max(1);
    let rate = done / seconds;
    let name = name(stage);
    match total {
        Some(total) => {
            let left = total.saturating_sub(done).saturating_mul(seconds) / done.max(1);
            format!("{name}: {done} of {total}, {rate} a second, {left} s left")
        }
        None => format!("{name}: {done}, {rate} a second"),
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Counting => "counting",
        Stage::Repositories => "verifying and moving repositories",
        Stage::SignerKeys => "moving for whom the keys of a signer are",
        Stage::Keys => "opening and moving keys",
        Stage::ChangedRepositories => "moving what changed meanwhile",
        Stage::ChangedKeys => "moving keys that changed meanwhile",
        Stage::Changes => "moving the changefeed",
    }
}

fn say(line: &str) {
    // When standard error is closed, nobody watches.
    writeln!(io::stderr(), "countersign: {}", line.replace(char::is_control, " ")).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_fast_and_how_long_still() {
        assert_eq!(
            line(Stage::Repositories, 1_200, Some(5_000), Duration::from_secs(20)),
            "verifying and moving repositories: 1200 of 5000, 60 a second, 63 s left"
        );
        assert_eq!(
            line(Stage::Changes, 9, None, Duration::ZERO),
            "moving the changefeed: 9, 9 a second"
        );
    }

    #[test]
    fn the_bars_have_the_parts_that_their_templates_name() {
        for template in [BAR, COUNTER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
