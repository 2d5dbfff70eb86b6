//! A server that is asked to stop and still takes requests for a while.

use super::*;

const READY: &str = "GET /_countersign/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// So long that a test which waits for its end has failed.
const LONG: Stopping = Stopping { handover: DEADLINE, drain: DEADLINE };

/// Asks until ready says that the server stops.
async fn unready(running: &Running) {
    let asked = async {
        loop {
            let mut client = running.connect().await.unwrap();
            let answer = exchange(&mut client, READY.as_bytes()).await.unwrap();
            if answer.contains("\"Shutdown\":\"the server is stopping\"") {
                assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
                break;
            }
        }
    };
    timeout(DEADLINE, asked).await.expect("it is told to stop");
}

#[tokio::test]
async fn ready_is_503_at_once_and_new_connections_are_still_served() {
    let mut running = start_with(Limits::default(), LONG);
    running.stop();
    unready(&running).await;
    let mut client = running.connect().await.unwrap();
    assert!(exchange(&mut client, PING.as_bytes()).await.unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn each_answer_of_http_1_ends_its_connection_and_says_so() {
    let mut running = start_with(Limits::default(), LONG);
    let mut client = running.connect().await.unwrap();
    let before = exchange(&mut client, PING.as_bytes()).await.unwrap();
    assert!(!before.contains("connection: close"), "{before}");
    running.stop();
    unready(&running).await;
    let answer = exchange(&mut client, PING.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    closed_after(&mut client).await;
}

/// The client follows GOAWAY by itself; what it sends meanwhile is answered.
#[tokio::test]
async fn http_2_clients_change_their_connection_without_losing_a_request() {
    let mut running = start_with(Limits::default(), LONG);
    let config = running.client_config(&[&TLS13], &["h2"]);
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().unwrap();
    let url = format!("https://localhost:{}/v2/", running.address.port());
    let ask = async || client.get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(ask().await, "{}");
    running.stop();
    unready(&running).await;
    for _ in 0..50 {
        assert_eq!(ask().await, "{}");
    }
}

#[tokio::test]
async fn after_the_handover_no_connection_is_taken_and_the_server_ends() {
    let handover = Duration::from_millis(300);
    let mut running = start_with(Limits::default(), Stopping { handover, ..LONG });
    running.stop();
    let started = Instant::now();
    let refused = async { while TcpStream::connect(running.address).await.is_ok() {} };
    timeout(DEADLINE, refused).await.expect("no new connections are taken");
    assert!(started.elapsed() >= handover);
    running.ended().await;
}
