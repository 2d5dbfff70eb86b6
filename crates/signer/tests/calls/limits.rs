//! What calls may use, and what is no call at all.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use countersign_custody::remote::MAX_MESSAGE_BYTES;
use countersign_signer::{CallLimits, Terms};
use http::{Request, StatusCode};
use prost::Message as _;
use tonic::Code;
use tower::ServiceExt as _;

use crate::workshop::{GUN, Workshop, creation, id, signature, told};

const SIGN: &str = "/proto.Signer/Sign";

#[tokio::test]
async fn a_message_of_four_mebibytes_is_signed_and_a_longer_one_is_refused() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    let most = MAX_MESSAGE_BYTES - signature(&key, b"").encoded_len() - 5;
    shop.signing().sign(signature(&key, &vec![b'a'; most])).await.unwrap();
    let refused = shop.signing().sign(signature(&key, &vec![b'a'; most + 1])).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "the message is longer than 4194304 bytes");
    assert_eq!(told(&refused), expected);
}

/// One call with this body, framed or not.
async fn post(shop: &Workshop, path: &str, body: Body) -> Response {
    let request = Request::post(path).header("content-type", "application/grpc").body(body);
    shop.router_for(None).oneshot(request.unwrap()).await.unwrap()
}

/// The code in an answer that has no message.
fn code(response: &Response) -> i32 {
    response.headers()["grpc-status"].to_str().unwrap().parse().unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

#[tokio::test]
async fn a_message_that_does_not_come_ends_with_the_time_of_its_call() {
    let limits = CallLimits { time: Duration::from_millis(200), ..CallLimits::default() };
    let shop = Workshop::with(Terms::default(), limits).await;
    let head = framed(&[0; 100])[..20].to_vec();
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(head))]);
    let stalled = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
    let late = post(&shop, SIGN, Body::from_stream(stalled)).await;
    assert_eq!(code(&late), Code::DeadlineExceeded as i32);
    shop.key().await;
}

#[tokio::test]
async fn long_messages_wait_for_each_other_and_short_ones_do_not() {
    let limits = CallLimits { long: 1, short_bytes: 100, ..CallLimits::default() };
    let shop = Workshop::with(Terms::default(), limits).await;
    let key = shop.key().await;
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    // The first has more than the short ones may, and does not end before it is told.
    let message = framed(&signature(&key, &[b'a'; 500]).encode_to_vec());
    let (head, tail) = (message[..300].to_vec(), message[300..].to_vec());
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(head))]);
    let rest = futures_util::stream::once(async {
        receiver.await.ok();
        Ok(Bytes::from(tail))
    });
    let held = Body::from_stream(futures_util::StreamExt::chain(begun, rest));
    let mut first = Box::pin(post(&shop, SIGN, held));
    let mut signing = shop.signing();
    let mut second = Box::pin(signing.sign(signature(&key, &[b'a'; 500])));
    tokio::select! {
        biased;
        _ = &mut first => panic!("it has not been told"),
        _ = &mut second => panic!("the place for long ones is taken"),
        () = async { shop.key().await; } => {}
    }
    sender.send(()).unwrap();
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status(), StatusCode::OK);
    second.unwrap();
}

#[tokio::test]
async fn what_is_no_call_is_refused_and_nothing_is_made_or_signed() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    let plain = Request::post(SIGN).header("content-type", "application/json").body(Body::empty());
    let plain = shop.router_for(None).oneshot(plain.unwrap()).await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let got = Request::get(SIGN).header("content-type", "application/grpc").body(Body::empty());
    let got = shop.router_for(None).oneshot(got.unwrap()).await.unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/proto.Signer/sign", "/proto.Signer/Sign/x", "/Signer/Sign", "/", "/a/b/c"] {
        let answer = post(&shop, path, Body::from(framed(b""))).await;
        assert_eq!(code(&answer), Code::Unimplemented as i32, "{path}");
    }
    let compressed = [&[1], &framed(b"abc")[1..]].concat();
    for body in [vec![], vec![0; 4], vec![7; 40], framed(&[0xff; 40]), compressed] {
        let answer = post(&shop, SIGN, Body::from(body.clone())).await;
        assert_ne!(code(&answer), Code::Ok as i32, "{body:?}");
    }
    assert_eq!(shop.row(&key).await.last_used, None, "nothing was signed");
    shop.keys().get_key_info(id(&key)).await.unwrap();
    shop.keys().create_key(creation("ed25519", GUN, "snapshot")).await.unwrap();
}
