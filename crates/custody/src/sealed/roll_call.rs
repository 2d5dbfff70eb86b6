//! Which processes over a key database live: those whose sign of life moves. No clocks of different
//! machines are compared.
//!
//! Time is handed in, as what has passed since the listening began.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_storage::KeyProcess;

/// How often a process gives a sign of life.
pub const BEAT_EVERY: Duration = Duration::from_secs(2);

/// A process whose sign of life did not move for so long is taken for dead. One that only slept
/// looks up what it does not know, as every process does.
pub const SILENT_AFTER: Duration = Duration::from_secs(10);

/// What was heard of processes.
#[derive(Debug, Default)]
pub struct RollCall {
    heard: BTreeMap<String, Heard>,
}

#[derive(Debug)]
struct Heard {
    process: KeyProcess,
    /// When its sign of life moved, or it was first seen.
    at: Duration,
}

impl RollCall {
    /// Takes in what the key database says of all processes.
    pub fn hear(&mut self, processes: Vec<KeyProcess>, at: Duration) {
        let mut before = std::mem::take(&mut self.heard);
        for process in processes {
            let moved_at = match before.remove(&process.id) {
                Some(heard) if heard.process.beat == process.beat => heard.at,
                Some(_) | None => at,
            };
            self.heard.insert(process.id.clone(), Heard { process, at: moved_at });
        }
    }

    /// Those that live, or may.
    pub fn present(&self, at: Duration) -> impl Iterator<Item = &KeyProcess> {
        self.heard.values().filter(move |one| !one.is_silent(at)).map(|one| &one.process)
    }

    /// Those that are taken for dead.
    pub fn silent(&self, at: Duration) -> impl Iterator<Item = &KeyProcess> {
        self.heard.values().filter(move |one| one.is_silent(at)).map(|one| &one.process)
    }
}

impl Heard {
    fn is_silent(&self, at: Duration) -> bool {
        at.saturating_sub(self.at) >= SILENT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: &str, beat: i64) -> KeyProcess {
        KeyProcess {
            id: id.to_owned(),
            shown: id.to_owned(),
            beat,
            opens: String::new(),
            seals_under: "countersign".to_owned(),
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn present(call: &RollCall, at: u64) -> Vec<&str> {
        call.present(seconds(at)).map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn a_process_is_present_until_its_sign_of_life_stood_still_for_long() {
        let mut call = RollCall::default();
        call.hear(vec![process("dead", 7), process("lives", 1)], seconds(0));
        assert_eq!(present(&call, 9), ["dead", "lives"]);
        call.hear(vec![process("dead", 7), process("lives", 2)], seconds(9));
        assert_eq!(present(&call, 10), ["lives"]);
        assert_eq!(call.silent(seconds(10)).count(), 1);
    }

    #[test]
    fn one_that_wakes_is_present_again_and_one_that_left_is_neither() {
        let mut call = RollCall::default();
        call.hear(vec![process("sleeps", 7), process("leaves", 1)], seconds(0));
        assert_eq!(present(&call, 20), Vec::<&str>::new());
        call.hear(vec![process("sleeps", 8)], seconds(20));
        assert_eq!(present(&call, 21), ["sleeps"]);
        assert_eq!(call.silent(seconds(40)).count(), 1);
    }

    #[test]
    fn a_process_that_started_again_counts_anew_although_its_count_fell() {
        let mut call = RollCall::default();
        call.hear(vec![process("a", 100)], seconds(0));
        call.hear(vec![process("a", 1)], seconds(9));
        assert_eq!(present(&call, 12), ["a"]);
    }
}
