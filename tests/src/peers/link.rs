//! A link between a program and a server on loopback, byte for byte. It can be cut at a moment that
//! matters (at the first message to the server that holds some bytes), be broken at once, stall
//! (then nothing passes and nobody is told), and forget the connections that it has.
//!
//! What never comes in: changing what passes, and knowing what is spoken.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How much is passed on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A link on a port of its own; it ends when it is dropped.
#[derive(Debug)]
pub struct Link {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
    state: Arc<watch::Sender<State>>,
    passing: JoinHandle<()>,
}

/// Where a link breaks, once.
#[derive(Clone, Debug)]
pub enum Cut {
    /// The message that holds these bytes still arrives; its answer is lost.
    After(&'static [u8]),
    /// The message that holds these bytes is lost.
    Before(&'static [u8]),
    /// The link stalls, and the message that holds these bytes is the first that it holds.
    Stall(&'static [u8]),
}

/// What is done with all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    flow: Flow,
    /// How often all connections were broken so far.
    breaks: u64,
    /// How often all connections were forgotten so far.
    forgets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Passes,
    Stalls,
}

impl Link {
    /// A link to `port`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let cut = Arc::new(Mutex::new(None));
        let state =
            Arc::new(watch::Sender::new(State { flow: Flow::Passes, breaks: 0, forgets: 0 }));
        let (own, shared) = (listener.local_addr()?.port(), Arc::clone(&cut));
        let told = Arc::clone(&state);
        let passing = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Ends with either side, and with the runtime of the test.
                tokio::spawn(pass(client, port, Arc::clone(&shared), Arc::clone(&told)));
            }
        });
        Ok(Self { port: own, cut, state, passing })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks the next connection to which this happens.
    pub fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    /// Whether the cut that was asked for has happened.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Breaks every connection that there is. New ones pass.
    pub fn break_all(&self) {
        self.state.send_modify(|state| state.breaks += 1);
    }

    /// Every connection that there is stays open and carries nothing any more, and nobody is told, as
    /// when a firewall has lost what it knew of them. New ones pass.
    pub fn forget_all(&self) {
        self.state.send_modify(|state| state.forgets += 1);
    }

    /// From now on nothing passes, in either direction, on old connections and new ones.
    pub fn stall(&self) {
        stall(&self.state);
    }

    /// What was held passes now, and all that follows.
    pub fn resume(&self) {
        self.state.send_modify(|state| state.flow = Flow::Passes);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

fn stall(state: &watch::Sender<State>) {
    state.send_modify(|state| state.flow = Flow::Stalls);
}

async fn pass(
    client: TcpStream,
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
    state: Arc<watch::Sender<State>>,
) {
    let breaks = state.borrow().breaks;
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut broken = state.subscribe();
    // Whichever ends first takes both connections with it.
    tokio::select! {
        () = carry(from_client, to_server, &state, |message| take_if_met(&cut, message)) => {}
        () = carry(from_server, to_client, &state, |_| None) => {}
        _ = broken.wait_for(|state| state.breaks > breaks) => {}
    }
}

/// One direction, to its end.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &watch::Sender<State>,
    breaks_at: impl Fn(&[u8]) -> Option<Cut>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut flow = state.subscribe();
    let forgets = state.borrow().forgets;
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let Some(message) = chunk.get(..length) else { return };
        let broken = breaks_at(message);
        if matches!(broken, Some(Cut::Stall(_))) {
            stall(state);
        }
        if flow.wait_for(|state| state.flow == Flow::Passes).await.is_err() {
            return;
        }
        if state.borrow().forgets > forgets {
            // Its two ends stay open, and get nothing.
            return std::future::pending().await;
        }
        if matches!(broken, Some(Cut::Before(_))) || to.write_all(message).await.is_err() {
            return;
        }
        if matches!(broken, Some(Cut::After(_))) {
            return;
        }
    }
}

fn take_if_met(cut: &Mutex<Option<Cut>>, message: &[u8]) -> Option<Cut> {
    let mut wanted = cut.lock().unwrap_or_else(PoisonError::into_inner);
    let met = wanted.as_ref().is_some_and(|wanted| {
        let (Cut::After(bytes) | Cut::Before(bytes) | Cut::Stall(bytes)) = wanted;
        message.windows(bytes.len()).any(|window| window == *bytes)
    });
    if met { wanted.take() } else { None }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A server that sends back what it gets, and a connection to it over a link.
    async fn echo() -> Result<(Link, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let link = Link::to(listener.local_addr()?.port()).await?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await?;
        Ok((link, stream))
    }

    #[tokio::test]
    async fn what_was_forgotten_carries_nothing_and_new_connections_pass() {
        let (link, mut stream) = echo().await.unwrap();
        let mut byte = [0];
        stream.write_all(b"a").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        link.forget_all();
        stream.write_all(b"b").await.unwrap();
        let mut other = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        other.write_all(b"c").await.unwrap();
        other.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"c");
        assert!(
            stream
                .try_read(&mut byte)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        );
    }

    #[tokio::test]
    async fn what_a_stalled_link_holds_arrives_when_it_goes_on() {
        let (link, mut stream) = echo().await.unwrap();
        let mut byte = [0];
        stream.write_all(b"a").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        link.stall();
        stream.write_all(b"b").await.unwrap();
        let waited = std::time::Duration::from_millis(200);
        let held = tokio::time::timeout(waited, stream.read_exact(&mut byte)).await;
        assert!(held.is_err(), "{byte:?} passed");
        link.resume();
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"b");
    }

    #[tokio::test]
    async fn a_broken_link_ends_what_there_is_and_takes_new_connections() {
        let (link, mut old) = echo().await.unwrap();
        let mut byte = [0];
        old.write_all(b"a").await.unwrap();
        old.read_exact(&mut byte).await.unwrap();
        link.break_all();
        assert!(old.read_exact(&mut byte).await.is_err());
        let mut new = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        new.write_all(b"c").await.unwrap();
        new.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"c");
    }
}
