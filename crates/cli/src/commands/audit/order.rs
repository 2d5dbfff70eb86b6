//! Which files are one audit log, and in what order.

use super::files::{Ends, LogFile};

/// The audit logs that these files are, each in the order in which it was written.
///
/// A file follows the one whose last line its first record names. What follows none begins a log;
/// of one replica there is only one, so that a file that is missing in between is noticed.
pub(super) fn logs(files: Vec<LogFile>) -> Vec<Vec<LogFile>> {
    let (mut waiting, unread): (Vec<LogFile>, Vec<LogFile>) =
        files.into_iter().partition(|file| file.ends.is_some());
    waiting.sort_by(|one, other| age(one).cmp(&age(other)));
    let mut logs: Vec<Vec<LogFile>> = Vec::new();
    while let Some(head) = take_head(&mut waiting) {
        let mut run = vec![head];
        while let Some(next) = take_next(&mut waiting, run.last()) {
            run.push(next);
        }
        let replica = replica(run.first());
        match logs.iter_mut().find(|log| replica.is_some() && self::replica(log.first()) == replica)
        {
            Some(log) => log.append(&mut run),
            None => logs.push(run),
        }
    }
    // Without a record: the torn first line of a newer file, or nothing of an audit log.
    match logs.as_mut_slice() {
        [only] => only.extend(unread),
        _ => logs.extend(unread.into_iter().map(|file| vec![file])),
    }
    logs
}

/// By what files are sorted: RFC 3339 in UTC sorts as text; numbers count within a millisecond.
fn age(file: &LogFile) -> Option<(&str, u64)> {
    let Ends { first, .. } = file.ends.as_ref()?;
    Some((first.time.as_str(), first.seq))
}

fn replica(file: Option<&LogFile>) -> Option<String> {
    file?.ends.as_ref().map(|ends| ends.first.replica.clone())
}

/// The earliest file that follows none of the others.
fn take_head(waiting: &mut Vec<LogFile>) -> Option<LogFile> {
    let follows = |file: &LogFile| {
        let first = file.ends.as_ref().map(|ends| ends.first.prev);
        waiting.iter().any(|other| {
            other.path != file.path && other.ends.as_ref().map(|ends| ends.last) == first
        })
    };
    let head = waiting.iter().position(|file| !follows(file));
    // Only forged files follow each other in a circle.
    let head = head.or(if waiting.is_empty() { None } else { Some(0) })?;
    Some(waiting.remove(head))
}

fn take_next(waiting: &mut Vec<LogFile>, last: Option<&LogFile>) -> Option<LogFile> {
    let Ends { last, .. } = last?.ends.as_ref()?;
    let next = waiting
        .iter()
        .position(|file| file.ends.as_ref().is_some_and(|ends| ends.first.prev == *last))?;
    Some(waiting.remove(next))
}
