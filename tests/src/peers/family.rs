//! What a deployment costs: processor time and memory of the processes that serve, as `/proc` has
//! them (proc(5)).
//!
//! Processor time is that of threads, to the nanosecond, and of the database's processes that
//! ended in between, to the hundredth of a second: a Go server opens and closes connections to its
//! database, and each is a process of PostgreSQL.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// In which the time of ended children is counted: hundredths of a second (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Where in `/proc/PID/stat`, after the name, the time of ended children is, in user and in kernel
/// mode.
const ENDED_CHILDREN: [usize; 2] = [13, 14];

/// Tells the kernel to forget how much memory a process has had at most.
const FORGET_PEAK: &str = "5";

/// The processes of one deployment.
#[derive(Clone, Debug)]
pub struct Family {
    /// Servers and signers.
    pub servers: Vec<u32>,
    /// The server of the database, whose connections are its children.
    pub database: Option<u32>,
}

impl Family {
    /// The process that asks.
    #[must_use]
    pub fn own() -> Self {
        Self { servers: vec![std::process::id()], database: None }
    }

    /// The most memory that servers and signers together have had in use since
    /// [`Family::forget_peak`], in KiB. Without the database: its processes share most of theirs.
    ///
    /// # Errors
    /// A process is gone.
    pub fn peak_kib(&self) -> Result<u64> {
        self.servers.iter().map(|server| memory(*server, "VmHWM:")).sum()
    }

    /// The memory that servers and signers together have in use now, in KiB.
    ///
    /// # Errors
    /// A process is gone.
    pub fn memory_kib(&self) -> Result<u64> {
        self.servers.iter().map(|server| memory(*server, "VmRSS:")).sum()
    }

    /// Lets the most memory be that of now. Where the kernel does not allow it, the peak stays that
    /// of the whole life.
    pub fn forget_peak(&self) {
        for server in &self.servers {
            fs::write(format!("/proc/{server}/clear_refs"), FORGET_PEAK).ok();
        }
    }
}

/// The processor time of a family at one moment.
#[derive(Debug)]
pub struct Reading {
    servers: BTreeMap<u32, u64>,
    database: BTreeMap<u32, u64>,
    children: BTreeMap<u32, u64>,
    ended: Duration,
}

/// The processor time of a family between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Of servers and signers.
    pub servers: Duration,
    /// Of the database.
    pub database: Duration,
}

impl Spent {
    /// Of all.
    #[must_use]
    pub fn total(self) -> Duration {
        self.servers + self.database
    }
}

impl Reading {
    /// What was spent so far.
    ///
    /// # Errors
    /// A server, or the server of the database, is gone.
    pub fn of(family: &Family) -> Result<Self> {
        let mut reading = Self {
            servers: BTreeMap::new(),
            database: BTreeMap::new(),
            children: BTreeMap::new(),
            ended: Duration::ZERO,
        };
        for process in &family.servers {
            add_threads(*process, &mut reading.servers)?;
        }
        if let Some(database) = family.database {
            add_threads(database, &mut reading.database)?;
            reading.ended = ended_children(database)?;
            let listed = fs::read_to_string(format!("/proc/{database}/task/{database}/children"))?;
            for child in listed.split_whitespace().filter_map(|digits| digits.parse().ok()) {
                reading.children.insert(child, spent(&format!("/proc/{child}")));
            }
        }
        Ok(reading)
    }

    /// What was spent between `earlier` and this.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Spent {
        let alive = |now: &BTreeMap<u32, u64>, before: &BTreeMap<u32, u64>| {
            let spent = now.iter().map(|(thread, spent)| {
                spent.saturating_sub(before.get(thread).copied().unwrap_or_default())
            });
            Duration::from_nanos(spent.sum())
        };
        // Those that ended brought the time from before with them.
        let gone = earlier.children.iter().filter(|(child, _)| !self.children.contains_key(child));
        let before = Duration::from_nanos(gone.map(|(_, spent)| spent).sum());
        let ended = self.ended.saturating_sub(earlier.ended).saturating_sub(before);
        let database = alive(&self.database, &earlier.database)
            + alive(&self.children, &earlier.children)
            + ended;
        Spent { servers: alive(&self.servers, &earlier.servers), database }
    }
}

fn add_threads(process: u32, times: &mut BTreeMap<u32, u64>) -> Result<()> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .with_context(|| format!("the process {process} is gone"))?;
    for thread in threads {
        let name = thread?.file_name();
        let Some(thread) = name.to_str().and_then(|digits| digits.parse().ok()) else { continue };
        times.insert(thread, spent(&format!("/proc/{process}/task/{thread}")));
    }
    Ok(())
}

/// Nanoseconds of one thread; none for one that ended meanwhile.
fn spent(directory: &str) -> u64 {
    let text = fs::read_to_string(format!("{directory}/schedstat")).unwrap_or_default();
    let first = text.split_whitespace().next().and_then(|digits| digits.parse().ok());
    first.unwrap_or_default()
}

fn ended_children(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = ENDED_CHILDREN.iter().map(|place| {
        fields.get(*place).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or_default()
    });
    Ok(ticks.map(|ticks| TICK * ticks).sum())
}

fn memory(process: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("the process {process} has no memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(servers: &[(u32, u64)], children: &[(u32, u64)], ended: u64) -> Reading {
        Reading {
            servers: servers.iter().copied().collect(),
            database: BTreeMap::from([(6, ended)]),
            children: children.iter().copied().collect(),
            ended: Duration::from_nanos(ended),
        }
    }

    #[test]
    fn threads_that_began_and_children_that_ended_count_with_what_they_spent_since() {
        let before = reading(&[(1, 100), (2, 50)], &[(7, 1_000), (8, 10)], 5_000);
        // Thread 2 ended, 3 began; child 7 ended after 300 more, child 9 began and ended with 40.
        let after = reading(&[(1, 130), (3, 5)], &[(8, 12)], 5_000 + 1_300 + 40);
        // The database's own process spent as much as those that it waited for.
        let database = Duration::from_nanos(2 + 300 + 40 + 1_340);
        let expected = Spent { servers: Duration::from_nanos(30 + 5), database };
        assert_eq!(after.since(&before), expected);
        assert_eq!(expected.total(), Duration::from_nanos(35 + 342 + 1_340));
    }

    #[test]
    fn the_time_of_this_process_goes_on() {
        let family = Family::own();
        let before = Reading::of(&family).unwrap();
        let mut sum = 0_u64;
        while Reading::of(&family).unwrap().since(&before).total() < Duration::from_millis(5) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0 && family.peak_kib().unwrap() > 0);
    }
}
