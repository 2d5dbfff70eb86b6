//! Ends a case that did not get what it needs.

use std::fmt::Debug;

/// A value that a case cannot go on without.
pub(super) trait Must<T> {
    /// The value; panics when there is none.
    fn must(self) -> T;
}

impl<T, E: Debug> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => fail(&format!("{error:?}")),
        }
    }
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Some(value) => value,
            None => fail("nothing there"),
        }
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "the suite is test code, also when another crate builds it")]
fn fail(what: &str) -> ! {
    panic!("{what}")
}
