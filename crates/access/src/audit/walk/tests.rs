//! Chains that are whole, and chains that somebody was at.

use proptest::prelude::*;

use super::super::census::Census;
use super::super::chain::Chain;
use super::super::chain::tests::{identity, now, refusal};
use super::super::fault::FaultKind;
use super::super::tail::{Extent, Next, Tail};
use super::*;

type Verdict = Result<Walked, (Place, FaultKind)>;

/// The lines of one process.
fn process(name: &str, records: usize, tail: &Tail) -> (Vec<Vec<u8>>, Chain) {
    let (mut chain, first) = Chain::begin(identity(name), tail, now());
    let mut lines = vec![first];
    for number in 1..records {
        lines.push(chain.seal(now(), &refusal(&format!("cause {number}"))));
    }
    (lines, chain)
}

fn lines(records: usize) -> Vec<Vec<u8>> {
    process("a1", records, &Tail::NOTHING).0
}

/// A process of `first` records that was killed, and one of `second` that went on.
fn killed(first: usize, torn: &[u8], second: usize) -> Vec<Vec<u8>> {
    let mut lines = lines(first);
    lines.push(torn.to_vec());
    let tail = Tail::read(&lines.concat(), Extent::Whole, Next::SameFile).unwrap();
    lines.last_mut().unwrap().push(b'\n');
    lines.extend(process("b2", second, &tail).0);
    lines
}

fn verify(lines: &[Vec<u8>]) -> Verdict {
    let walked = || -> Result<Walked, Fault> {
        let mut walk = Walk::new(LineHash::NONE);
        for line in lines {
            walk.line(line)?;
        }
        walk.end().map(|(walked, _)| walked)
    };
    walked().map_err(|fault| {
        let mut census = Census::of(fault);
        lines.iter().for_each(|line| census.line(line));
        census.verdict()
    })
}

fn fault(lines: &[Vec<u8>]) -> (u64, FaultKind) {
    let (place, kind) = verify(lines).unwrap_err();
    (place.line, kind)
}

#[test]
fn a_whole_chain_is_whole_and_names_its_last_hash() {
    let lines = lines(5);
    let walked = verify(&lines).unwrap();
    assert_eq!((walked.records, walked.starts, walked.torn), (5, 1, 0));
    assert_eq!(walked.last, LineHash::of(&lines[4]));
    assert_eq!(walked.replica.as_deref(), Some("trust-1"));
    assert_eq!(verify(&[]).unwrap().last, LineHash::NONE);
}

#[test]
fn a_removed_line_is_found_with_its_number() {
    let mut lines = lines(6);
    lines.remove(2);
    assert_eq!(fault(&lines), (3, FaultKind::Removed(Some((3, 3)))));
    lines.drain(1..4);
    assert_eq!(fault(&lines), (2, FaultKind::Removed(Some((2, 5)))));
}

#[test]
fn a_beginning_that_was_removed_is_found() {
    let mut lines = lines(3);
    lines.remove(0);
    assert_eq!(fault(&lines), (1, FaultKind::Headless));
}

#[test]
fn a_changed_line_is_found_whatever_was_changed() {
    for (from, to) in [
        ("cause 2", "cause 7"),
        ("refused", "accepted"),
        ("2026-11-29", "2026-11-28"),
        ("\"v\":1", "\"v\":9"),
        ("}\n", "} \n"),
        ("{\"v\"", "{ \"v\""),
    ] {
        let mut lines = lines(5);
        let line = String::from_utf8(lines[2].clone()).unwrap().replace(from, to);
        assert_ne!(line.as_bytes(), lines[2]);
        lines[2] = line.into_bytes();
        assert_eq!(fault(&lines), (3, FaultKind::Changed), "{from}");
    }
}

#[test]
fn lines_that_changed_places_are_found() {
    let mut lines = lines(5);
    lines.swap(2, 3);
    assert_eq!(fault(&lines), (3, FaultKind::Moved));
    let mut lines = process("a1", 5, &Tail::NOTHING).0;
    let first = lines.remove(1);
    lines.push(first);
    assert_eq!(fault(&lines), (2, FaultKind::Moved));
}

#[test]
fn a_line_that_is_there_twice_is_found() {
    for at in [3, 5] {
        let mut lines = lines(5);
        let copy = lines[2].clone();
        lines.insert(at, copy);
        assert_eq!(fault(&lines).1, FaultKind::Repeated);
        assert_eq!(fault(&lines).0, u64::try_from(at).unwrap() + 1);
    }
    let mut lines = lines(3);
    let start = lines[0].clone();
    lines.push(start);
    assert_eq!(fault(&lines), (4, FaultKind::Repeated));
}

#[test]
fn a_line_of_another_process_is_found() {
    let mut lines = lines(5);
    let other = process("c3", 4, &Tail::NOTHING).0;
    lines.insert(3, other[2].clone());
    assert_eq!(fault(&lines), (4, FaultKind::Inserted));
    lines[3] = other[0].clone();
    assert_eq!(fault(&lines), (4, FaultKind::Inserted));
}

#[test]
fn text_between_records_is_found() {
    let mut lines = lines(4);
    lines.insert(2, b"# nothing to see here\n".to_vec());
    assert_eq!(fault(&lines), (3, FaultKind::Inserted));
}

#[test]
fn a_torn_last_line_is_told_and_no_fault() {
    let mut lines = lines(3);
    let whole = lines.pop().unwrap();
    lines.push(whole[..40].to_vec());
    let mut walk = Walk::new(LineHash::NONE);
    for line in &lines {
        assert_eq!(walk.line(line).unwrap(), None);
    }
    let (walked, finding) = walk.end().unwrap();
    let at = Place { file: 0, line: 3 };
    assert_eq!(finding, Some(Finding::Torn { at, bytes: 40 }));
    assert_eq!((walked.records, walked.last), (2, LineHash::of(&lines[1])));
}

#[test]
fn a_last_line_that_is_whole_and_no_record_was_changed() {
    let mut lines = lines(3);
    lines[2] = b"{\"v\":1,\"time\":\n".to_vec();
    assert_eq!(fault(&lines), (3, FaultKind::Changed));
}

#[test]
fn a_start_after_a_torn_line_goes_on_when_it_says_so() {
    for torn in [&b"{\"v\":1,\"ti"[..], b"{", b"\0\0\0\0", b"{\"v\":1,\"time\"\n{\"v\""] {
        let lines = killed(3, torn, 3);
        let walked = verify(&lines).unwrap();
        assert_eq!((walked.records, walked.starts, walked.torn), (6, 2, 1));
    }
}

#[test]
fn a_torn_piece_that_was_changed_or_removed_is_found() {
    let whole = killed(3, b"{\"v\":1,\"ti", 3);
    let mut lines = whole.clone();
    lines[3] = b"{\"v\":1,\"xx\n".to_vec();
    assert_eq!(fault(&lines), (5, FaultKind::TornPiece));
    let mut lines = whole.clone();
    lines.remove(3);
    assert_eq!(fault(&lines), (4, FaultKind::TornPiece));
}

#[test]
fn the_end_of_an_earlier_process_that_was_removed_or_changed_is_found() {
    let (mut first, _) = process("a1", 4, &Tail::NOTHING);
    let tail = Tail::read(&first.concat(), Extent::Whole, Next::SameFile).unwrap();
    let (second, _) = process("b2", 3, &tail);
    let both = |first: &[Vec<u8>]| [first, &second].concat();
    assert_eq!(verify(&both(&first)).unwrap().starts, 2);
    assert_eq!(fault(&both(&first[..3])), (4, FaultKind::EndOfProcess));
    let changed = String::from_utf8(first[3].clone()).unwrap().replace("cause 3", "cause 4");
    first[3] = changed.into_bytes();
    assert_eq!(fault(&both(&first)), (5, FaultKind::EndOfProcess));
}

#[test]
fn a_process_that_begins_as_if_nothing_had_been_before_is_found() {
    let mut lines = lines(4);
    lines.extend(process("b2", 2, &Tail::NOTHING).0);
    assert_eq!(fault(&lines), (5, FaultKind::StartsAnew));
}

#[test]
fn a_later_file_is_whole_for_who_knows_what_it_continues() {
    let lines = lines(6);
    let walk = |after| {
        let mut walk = Walk::new(after);
        for line in &lines[3..] {
            walk.line(line)?;
        }
        walk.end()
    };
    assert_eq!(walk(LineHash::of(&lines[2])).unwrap().0.records, 3);
    walk(LineHash::of(&lines[1])).unwrap_err();
    walk(LineHash::NONE).unwrap_err();
}

#[derive(Clone, Debug)]
enum Edit {
    Byte(usize, usize, u8),
    Copy(usize, usize),
    Remove(usize),
    Swap(usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let (line, place) = (0..20_usize, 0..20_usize);
    let edit = prop_oneof![
        (line.clone(), 0..4096_usize, any::<u8>()).prop_map(|(l, at, b)| Edit::Byte(l, at, b)),
        (line.clone(), place.clone()).prop_map(|(from, to)| Edit::Copy(from, to)),
        line.clone().prop_map(Edit::Remove),
        (line, place).prop_map(|(one, other)| Edit::Swap(one, other)),
    ];
    proptest::collection::vec(edit, 1..4)
}

fn apply(edit: &Edit, lines: &mut Vec<Vec<u8>>) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    match *edit {
        Edit::Byte(line, at, byte) => {
            let line = &mut lines[line % count];
            let at = at % line.len();
            line[at] = byte;
        }
        Edit::Copy(from, to) => {
            let copy = lines[from % count].clone();
            lines.insert(to % count, copy);
        }
        Edit::Remove(line) => {
            lines.remove(line % count);
        }
        Edit::Swap(one, other) => lines.swap(one % count, other % count),
    }
}

proptest! {
    /// The last line is the one of which nothing is said elsewhere: a chain that is found whole
    /// is a beginning of the true one, but for its last line.
    #[test]
    fn random_edits_are_found_unless_they_only_touch_the_end(edits in edits()) {
        let mut true_lines = killed(8, b"{\"v\":1,", 7);
        true_lines.push(b"{\"v\":1,\"t".to_vec());
        let mut lines = true_lines.clone();
        edits.iter().for_each(|edit| apply(edit, &mut lines));
        // As a reader of the file sees them: an edit may have made or removed a newline.
        let bytes = lines.concat();
        let lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if let Ok(walked) = verify(&lines) {
            let records = usize::try_from(walked.records).unwrap();
            let all: Vec<&Vec<u8>> =
                true_lines.iter().filter(|line| Link::parse(line).is_ok()).collect();
            let read: Vec<&Vec<u8>> =
                lines.iter().filter(|line| Link::parse(line).is_ok()).collect();
            let but_last = records.saturating_sub(1);
            prop_assert_eq!(&read[..but_last], &all[..but_last]);
        }
    }
}
