//! Lookups that requests share: of those that come while one is under way, one looks for all, after
//! it. A request never shares one that began before it came.

use std::collections::HashMap;
use std::hash::Hash;

/// After how many keys those that nobody asks for are forgotten.
const MANY: usize = 65_536;

/// Who is looking, by what for.
#[derive(Debug)]
pub(crate) struct Sharing<K> {
    /// How long a lookup takes, in seconds.
    takes: f64,
    turns: HashMap<K, Turn>,
    lookups: u64,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    /// When the lookup that is under way ends.
    ends: f64,
    next: Next,
}

/// Whether a crowd waits for the end of what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nobody,
    Crowd,
}

impl<K: Copy + Eq + Hash> Sharing<K> {
    pub(crate) fn new(takes: f64) -> Self {
        Self { takes, turns: HashMap::new(), lookups: 0 }
    }

    /// How long a lookup takes, in seconds.
    pub(crate) fn takes(&self) -> f64 {
        self.takes
    }

    /// A request at `now`; later ones come later.
    pub(crate) fn ask(&mut self, key: K, now: f64) {
        if self.turns.len() > MANY {
            let takes = self.takes;
            self.turns.retain(|_, turn| turn.ends + takes > now);
        }
        let nothing = Turn { ends: f64::NEG_INFINITY, next: Next::Nobody };
        let turn = self.turns.entry(key).or_insert(nothing);
        if turn.next == Next::Crowd && turn.ends <= now {
            // Its crowd began when it ended.
            *turn = Turn { ends: turn.ends + self.takes, next: Next::Nobody };
        }
        if turn.ends <= now {
            *turn = Turn { ends: now + self.takes, next: Next::Nobody };
            self.lookups += 1;
        } else if turn.next == Next::Nobody {
            turn.next = Next::Crowd;
            self.lookups += 1;
        }
    }

    /// How many lookups there were so far.
    pub(crate) fn lookups(&self) -> u64 {
        self.lookups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookups(times: &[f64]) -> u64 {
        let mut sharing = Sharing::new(1.0);
        for now in times {
            sharing.ask((), *now);
        }
        sharing.lookups()
    }

    #[test]
    fn who_comes_while_one_looks_shares_the_next_lookup_with_all_others() {
        // One begins at 0, the crowd of 0.1 to 0.9 looks from 1 to 2, that of 1.5 from 2 to 3.
        assert_eq!(lookups(&[0.0, 0.1, 0.5, 0.9]), 2);
        assert_eq!(lookups(&[0.0, 0.1, 0.5, 0.9, 1.5, 1.6]), 3);
    }

    #[test]
    fn who_comes_when_nobody_looks_looks() {
        assert_eq!(lookups(&[0.0, 1.0, 2.5]), 3);
        assert_eq!(lookups(&[0.0, 0.5, 2.0, 2.5]), 4);
    }

    #[test]
    fn however_many_come_at_most_one_lookup_is_under_way() {
        let many: Vec<f64> = (0..10_000).map(|number| f64::from(number) / 1_000.0).collect();
        assert_eq!(lookups(&many), 11);
    }

    #[test]
    fn different_keys_do_not_share() {
        let mut sharing = Sharing::new(1.0);
        for key in 0..70_000 {
            sharing.ask(key, f64::from(key));
        }
        assert_eq!(sharing.lookups(), 70_000);
        assert!(sharing.turns.len() <= MANY + 1);
    }
}
