//! What a peer has written to both its outputs, complete up to the moment it is looked at.
//!
//! A peer writes a line before it answers, but who has the answer may be quicker than a thread that
//! reads the line. So whoever looks reads what is in the pipes first; the threads only keep them
//! from filling up.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use tokio::sync::watch;

/// The lines a peer has written, and a bell that rings when there are more.
#[derive(Debug)]
pub(super) struct Written {
    kept: Mutex<Kept>,
    bell: watch::Sender<()>,
}

#[derive(Debug)]
struct Kept {
    text: String,
    pipes: Vec<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    /// Reading it never waits. None once it was read to its end.
    output: Option<File>,
    /// The beginning of a line.
    unfinished: Vec<u8>,
}

impl Written {
    pub(super) fn new() -> Self {
        let kept = Kept { text: String::new(), pipes: Vec::new() };
        Self { kept: Mutex::new(kept), bell: watch::Sender::new(()) }
    }

    /// Reads `output` to its end, on a thread of its own.
    pub(super) fn follow(written: &Arc<Self>, output: OwnedFd) -> Result<JoinHandle<()>> {
        fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
        let watched = output.try_clone()?;
        let mut kept = written.lock();
        let index = kept.pipes.len();
        kept.pipes.push(Pipe { output: Some(File::from(output)), unfinished: Vec::new() });
        drop(kept);
        let written = Arc::clone(written);
        Ok(thread::spawn(move || {
            loop {
                let ready = poll(&mut [PollFd::new(&watched, PollFlags::IN)], None);
                if !matches!(ready, Ok(_) | Err(Errno::INTR)) || !written.read(index) {
                    return;
                }
            }
        }))
    }

    /// All that was written before this was called.
    pub(super) fn text(&self) -> String {
        let mut kept = self.lock();
        let before = kept.text.len();
        for index in 0..kept.pipes.len() {
            kept.read(index);
        }
        if kept.text.len() > before {
            self.bell.send_replace(());
        }
        kept.text.clone()
    }

    /// Changes when more was written.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// Takes what one pipe has; `false` at its end.
    fn read(&self, index: usize) -> bool {
        let mut kept = self.lock();
        let before = kept.text.len();
        let open = kept.read(index);
        if kept.text.len() > before {
            self.bell.send_replace(());
        }
        open
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Takes the whole lines that one pipe has, at its end the last one too; `false` there.
    fn read(&mut self, index: usize) -> bool {
        let Some(pipe) = self.pipes.get_mut(index) else { return false };
        pipe.read();
        let lines = pipe.unfinished.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let open = pipe.output.is_some();
        let whole = if open { lines } else { pipe.unfinished.len() };
        let taken: Vec<u8> = pipe.unfinished.drain(..whole).collect();
        self.text.push_str(&String::from_utf8_lossy(&taken));
        if lines < whole {
            self.text.push('\n');
        }
        open
    }
}

impl Pipe {
    fn read(&mut self) {
        let Some(output) = &mut self.output else { return };
        match output.read_to_end(&mut self.unfinished) {
            // Empty for now; what was read before that is kept.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.output = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_written_is_there_at_once_in_whole_lines() {
        for round in 0..1000 {
            let written = Arc::new(Written::new());
            let (output, mut peer) = std::io::pipe().unwrap();
            let reader = Written::follow(&written, output.into()).unwrap();
            writeln!(peer, "line {round}").unwrap();
            write!(peer, "begun").unwrap();
            assert_eq!(written.text(), format!("line {round}\n"));
            drop(peer);
            reader.join().unwrap();
            assert_eq!(written.text(), format!("line {round}\nbegun\n"));
        }
    }
}
