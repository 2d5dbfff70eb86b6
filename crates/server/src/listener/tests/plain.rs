//! The listener without TLS: answers, and the same bounds.

use super::*;

/// A server without TLS, and the sender that stops it.
fn start_plain(limits: Limits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        stopped.await.ok();
    };
    let service = Service::open(broken_trust(BrokenStore::Panics));
    let serving = serve(listener, Transport::Plain, service, settings(limits), shutdown, AT_ONCE);
    let task = tokio::spawn(async { serving.await.unwrap() });
    (address, stop, task)
}

#[tokio::test]
async fn without_tls_plain_http_is_answered_until_the_stop() {
    let (address, stop, task) = start_plain(Limits::default());
    // Another test of this process may have installed it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}/v2/")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "{}");
    stop.send(()).unwrap();
    timeout(DEADLINE, task).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn without_tls_a_silent_client_is_dropped_too() {
    let limits = Limits::for_tests();
    let (address, _stop, _task) = start_plain(limits.clone());
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(closed_after(&mut stream).await >= limits.first_request / 2);
}

#[tokio::test]
async fn without_tls_connections_over_the_limit_are_refused_too() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let (address, _stop, _task) = start_plain(limits);
    let mut held = TcpStream::connect(address).await.unwrap();
    held.write_all(PING.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    timeout(DEADLINE, held.read_exact(&mut first)).await.expect("an answer").unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut over = TcpStream::connect(address).await.unwrap();
    over.write_all(PING.as_bytes()).await.ok();
    closed_after(&mut over).await;
}
