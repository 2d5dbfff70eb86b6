//! A load balancer as small as can be: it passes connections on, in turn, to those servers that
//! say that they are ready.
//!
//! What never comes in: trying again, and looking into what passes.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::wire::Wire;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::interval;

/// How often each server is asked whether it is ready.
const INTERVAL: Duration = Duration::from_millis(50);

/// A balancer on a port of its own; it ends when it is dropped.
pub(crate) struct Balancer {
    port: u16,
    servers: Arc<Vec<Server>>,
    _tasks: JoinSet<()>,
}

struct Server {
    port: u16,
    ready: AtomicBool,
}

impl Balancer {
    /// In front of these servers. None counts as ready before it has said so.
    pub(crate) async fn before(servers: &[Countersign]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let mut tasks = JoinSet::new();
        let ports = servers.iter().map(|server| server.endpoint().port());
        let balanced: Vec<Server> =
            ports.map(|port| Server { port, ready: AtomicBool::new(false) }).collect();
        let balanced = Arc::new(balanced);
        for (number, server) in servers.iter().enumerate() {
            // A connection for each question: one that is kept would not notice a closed door.
            let (endpoint, balanced) = (server.endpoint().clone(), Arc::clone(&balanced));
            tasks.spawn(async move {
                let mut pace = interval(INTERVAL);
                loop {
                    pace.tick().await;
                    let Ok(wire) = Wire::in_http1(&endpoint) else { return };
                    let answer = wire.get("/_countersign/ready").await;
                    let ready = answer.is_ok_and(|answer| answer.status == 200);
                    balanced[number].ready.store(ready, Ordering::SeqCst);
                }
            });
        }
        let shared = Arc::clone(&balanced);
        tasks.spawn(async move {
            let turn = AtomicUsize::new(0);
            while let Ok((client, _)) = listener.accept().await {
                let ready: Vec<u16> =
                    shared.iter().filter(|s| is_ready(s)).map(|s| s.port).collect();
                let next = turn.fetch_add(1, Ordering::SeqCst);
                // With nobody ready the client finds its connection closed.
                let Some(port) = ready.get(next % ready.len().max(1)).copied() else { continue };
                tokio::spawn(pass(client, port));
            }
        });
        Ok(Self { port, servers: balanced, _tasks: tasks })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it sends connections to this server.
    pub(crate) async fn takes_in(&self, number: usize) {
        let mut pace = interval(INTERVAL / 5);
        while !is_ready(&self.servers[number]) {
            pace.tick().await;
        }
    }

    /// Waits until it sends none to this server.
    pub(crate) async fn leaves_out(&self, number: usize) {
        let mut pace = interval(INTERVAL / 5);
        while is_ready(&self.servers[number]) {
            pace.tick().await;
        }
    }
}

fn is_ready(server: &Server) -> bool {
    server.ready.load(Ordering::SeqCst)
}

async fn pass(mut client: TcpStream, port: u16) {
    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        // Either side may end it; the client tells what it lost.
        copy_bidirectional(&mut client, &mut server).await.ok();
    }
}
