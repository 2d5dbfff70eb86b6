//! What the process gives up so that nobody else sees what it knows: core dumps, debuggers, swap,
//! and any right that it does not have yet.
//!
//! Every command begins with it, since most read secrets. What holds is read back from the system,
//! never remembered.
//!
//! Never in here: who may read files; that is a matter of their modes.

use std::fs;

use countersign_config::Debugging;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior,
    setrlimit,
};
use rustix::thread::{CapabilitySet, capabilities, set_no_new_privs};

use crate::exit::Failure;
use crate::flags::environment;

const NO_LIMIT: Rlimit = Rlimit { current: None, maximum: None };
const NOTHING: Rlimit = Rlimit { current: Some(0), maximum: Some(0) };

/// The map of user IDs of a process that is in no user namespace of its own.
const ALL_USERS: [&str; 3] = ["0", "0", "4294967295"];

/// Keeps the memory of this process to itself, unless the environment allows debugging.
///
/// # Errors
/// The variable that would allow it says neither yes nor no.
pub(crate) fn of_every_command() -> Result<(), Failure> {
    if Debugging::of(&environment)? == Debugging::Denied {
        // The one turns off dumps into files. The other those that are piped to a program as well,
        // and debuggers. What fails is told by `report`, which looks what came of it.
        setrlimit(Resource::Core, NOTHING).ok();
        set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
    }
    lock_memory();
    Ok(())
}

/// Gives up all rights that this process might be given later.
///
/// Before the first thread is started: a thread has the rights of the one that started it.
pub(crate) fn of_a_server() {
    if let Err(error) = set_no_new_privs(true) {
        tracing::warn!(%error, "programs that this process starts may be given more rights");
    }
}

/// Writes to the log whether the memory of this process is locked. What is returned is open and
/// should not be: for the operator, loudly.
pub(crate) fn report() -> Vec<String> {
    match locked_kib() {
        0 => tracing::warn!(
            "memory is not locked, so keys may be written to swap: allow it with \
             LimitMEMLOCK=infinity (systemd), --ulimit memlock=-1 (docker) or ulimit -l unlimited; \
             a finite limit is not used, since memory would run out at it"
        ),
        _ => tracing::info!("memory is locked: nothing of it is written to swap"),
    }
    open_doors()
}

/// What lets others look into this process.
fn open_doors() -> Vec<String> {
    let mut open = Vec::new();
    if dumpable_behavior().ok() != Some(DumpableBehavior::NotDumpable) {
        open.push(
            "debuggers may attach to this process and read its keys \
             (COUNTERSIGN_ALLOW_DEBUGGING): take the variable out once that is not needed"
                .to_owned(),
        );
    }
    if getrlimit(Resource::Core) != NOTHING {
        open.push(
            "this process may leave a core dump, with its keys in it: limit it to 0 (systemd: \
             LimitCORE=0), and take COUNTERSIGN_ALLOW_DEBUGGING out"
                .to_owned(),
        );
    }
    open
}

/// Keeps all memory out of swap, that which is asked for later too.
///
/// Only where no limit is in the way: under a finite one, the first allocation past it would fail
/// however much memory is free. Pages are locked as they are first used, so that what is set aside
/// and never touched (stacks of threads, mostly) costs nothing.
fn lock_memory() {
    if !may_lock_everything() {
        return;
    }
    // What came of it is read back where somebody is told.
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).ok();
}

fn may_lock_everything() -> bool {
    let lifted = |limit| setrlimit(Resource::Memlock, limit).is_ok();
    has_lock_capability() || without_end(getrlimit(Resource::Memlock)).is_some_and(lifted)
}

/// The limit to ask for instead of `limit`, where there need be none: what the operator allows and
/// nobody has asked for yet is as good as what holds.
fn without_end(limit: Rlimit) -> Option<Rlimit> {
    limit.maximum.is_none().then_some(NO_LIMIT)
}

/// Whether no limit counts for this process. In a user namespace the capability is not that of the
/// machine, and limits count all the same.
fn has_lock_capability() -> bool {
    let held =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let of_the_machine = |map: String| map.split_whitespace().eq(ALL_USERS);
    held && fs::read_to_string("/proc/self/uid_map").is_ok_and(of_the_machine)
}

/// How much memory is locked, in KiB; 0 where the system does not say.
fn locked_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memory_is_locked_only_where_the_hard_limit_has_no_end() {
        let soft = Rlimit { current: Some(8 << 20), maximum: None };
        for limit in [NO_LIMIT, soft] {
            assert_eq!(without_end(limit), Some(NO_LIMIT));
        }
        for bytes in [0, 8 << 20, u64::MAX - 1] {
            let hard = Rlimit { current: Some(bytes), maximum: Some(bytes) };
            assert_eq!(without_end(hard), None, "{bytes}");
        }
    }
}
