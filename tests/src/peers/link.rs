//! A link between a program and a server on loopback, byte for byte, that can be cut at a moment
//! that matters: at the first message to the server that holds some bytes.
//!
//! What never comes in: changing what passes, and knowing what is spoken.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How much is passed on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A link on a port of its own; it ends when it is dropped.
#[derive(Debug)]
pub struct Link {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
    passing: JoinHandle<()>,
}

/// Where a link breaks, once.
#[derive(Clone, Debug)]
pub enum Cut {
    /// The message that holds these bytes still arrives; its answer is lost.
    After(&'static [u8]),
    /// The message that holds these bytes is lost.
    Before(&'static [u8]),
}

impl Link {
    /// A link to `port`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let cut = Arc::new(Mutex::new(None));
        let (own, shared) = (listener.local_addr()?.port(), Arc::clone(&cut));
        let passing = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Ends with either side, and with the runtime of the test.
                tokio::spawn(pass(client, port, Arc::clone(&shared)));
            }
        });
        Ok(Self { port: own, cut, passing })
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
}

impl Drop for Link {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

async fn pass(client: TcpStream, port: u16, cut: Arc<Mutex<Option<Cut>>>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from_client.read(&mut chunk).await {
            let Some(message) = chunk.get(..length) else { return };
            let broken = take_if_met(&cut, message);
            if matches!(broken, Some(Cut::Before(_))) || to_server.write_all(message).await.is_err()
            {
                return;
            }
            if broken.is_some() {
                return;
            }
        }
    };
    // Whichever ends first takes both connections with it.
    tokio::select! {
        () = asking => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

fn take_if_met(cut: &Mutex<Option<Cut>>, message: &[u8]) -> Option<Cut> {
    let mut wanted = cut.lock().unwrap_or_else(PoisonError::into_inner);
    let met = wanted.as_ref().is_some_and(|wanted| {
        let (Cut::After(bytes) | Cut::Before(bytes)) = wanted;
        message.windows(bytes.len()).any(|window| window == *bytes)
    });
    if met { wanted.take() } else { None }
}
