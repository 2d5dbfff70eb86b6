//! Uploads as clients, networks and attackers send them. Source of verdicts: server spec 1.6.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use futures_util::{StreamExt as _, stream};

use super::*;
use crate::testing::{CONTENT_TYPE, multipart};
use countersign_tuf::rules::Update;

const DOCUMENT: &[u8] = br#"{"signed":{"_type":"Targets","version":1},"signatures":[]}"#;

fn request(content_type: &str, body: impl Into<Body>) -> Request {
    let request = Request::builder().method(Method::POST).header("content-type", content_type);
    request.body(body.into()).unwrap()
}

fn parts(names: &[&str]) -> Vec<u8> {
    let parts: Vec<(String, Vec<u8>)> =
        names.iter().map(|name| ((*name).to_owned(), DOCUMENT.to_vec())).collect();
    multipart(&parts)
}

/// One part with these header lines.
fn with_headers(lines: &str) -> Vec<u8> {
    let mut body = format!("--edge\r\n{lines}\r\n").into_bytes();
    body.extend_from_slice(DOCUMENT);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    body
}

async fn read_with(limits: &Limits, body: impl Into<Body>) -> Result<Vec<String>, ApiError> {
    let parts = read(request(CONTENT_TYPE, body), limits).await?;
    Ok(Update::new(parts).roles().map(ToString::to_string).collect())
}

async fn roles(body: impl Into<Body>) -> Result<Vec<String>, ApiError> {
    read_with(&Limits::default(), body).await
}

async fn refusal(body: impl Into<Body>) -> String {
    format!("{:?}", roles(body).await.unwrap_err())
}

/// Large ones are read on another thread.
#[tokio::test]
async fn a_large_document_is_read_and_judged_like_a_small_one() {
    let large = |end: &str| {
        let blanks = " ".repeat(300 * 1024);
        let document = format!("{{\"signed\":{{\"version\":1}},{blanks}\"signatures\":[]{end}");
        multipart(&[("targets".to_owned(), document.into_bytes())])
    };
    assert_eq!(roles(large("}")).await.unwrap(), ["targets"]);
    assert_eq!(refusal(large("")).await, "MalformedJson");
    let values = large(&format!(",\"a\":[{}0]}}", "0,".repeat(1_000_000)));
    assert_eq!(refusal(values).await, "TooLarge(\"the number of JSON values\")");
}

/// Checklist rows C-051 and C-052.
#[tokio::test]
async fn a_file_name_is_a_role_with_its_slashes_and_without_one_ending() {
    let body = parts(&["targets/a/b.json", "root", "snapshot.json", "targets"]);
    let expected: BTreeSet<String> =
        ["root", "snapshot", "targets", "targets/a/b"].map(ToOwned::to_owned).into();
    assert_eq!(roles(body).await.unwrap().into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn field_name_and_content_type_of_a_part_do_not_matter() {
    for lines in [
        "Content-Disposition: form-data; filename=\"root\"\r\n",
        "Content-Disposition: form-data; name=\"x\"; filename=\"root\"\r\nContent-Type: a/b\r\n",
        "content-disposition: attachment; filename=root\r\n",
    ] {
        assert_eq!(roles(with_headers(lines)).await.unwrap(), ["root"], "{lines}");
    }
}

/// Checklist row C-054.
#[tokio::test]
async fn a_part_without_a_file_name_is_refused() {
    for lines in [
        "Content-Type: a/b\r\n",
        "Content-Disposition: form-data; name=\"files\"\r\n",
        "Content-Disposition: form-data; filename=\"\"\r\n",
        "Content-Disposition: form-data; filename=\".json\"\r\n",
    ] {
        assert_eq!(refusal(with_headers(lines)).await, "NoFilename", "{lines}");
    }
}

/// Checklist row C-055.
#[tokio::test]
async fn a_file_name_that_is_no_role_is_refused_by_name() {
    for (name, shown) in [
        ("foo", "foo"),
        ("targets/A", "targets/A"),
        ("targets/a/", "targets/a/"),
        ("../root", "../root"),
        ("root.json.json", "root.json"),
        ("ROOT", "ROOT"),
    ] {
        assert_eq!(refusal(parts(&[name])).await, format!("InvalidRole({shown:?})"));
    }
}

/// Checklist row C-056.
#[tokio::test]
async fn a_part_that_is_no_json_object_is_refused() {
    for content in ["", "x", "1", "\"a\"", "[]", "{", "{\"signed\":{\"version\":\"1\"}}"] {
        let body = multipart(&[("root".to_owned(), content.as_bytes().to_vec())]);
        assert_eq!(refusal(body).await, "MalformedJson", "{content}");
    }
}

#[tokio::test]
async fn the_first_bad_part_decides() {
    let json_first = [("root".to_owned(), b"x".to_vec()), ("foo".to_owned(), b"x".to_vec())];
    assert_eq!(refusal(multipart(&json_first)).await, "MalformedJson");
    let role_first = [("foo".to_owned(), b"x".to_vec()), ("root".to_owned(), b"x".to_vec())];
    assert_eq!(refusal(multipart(&role_first)).await, "InvalidRole(\"foo\")");
}

/// Checklist row C-053.
#[tokio::test]
async fn what_is_no_multipart_is_refused() {
    for content_type in [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed",
        "multipart/x; boundary=edge",
    ] {
        let outcome = read(request(content_type, parts(&["root"])), &Limits::default()).await;
        assert!(matches!(outcome, Err(ApiError::MalformedUpload)), "{content_type}");
    }
}

#[tokio::test]
async fn multipart_mixed_is_taken_too() {
    let request = request("Multipart/Mixed; boundary=edge", parts(&["root"]));
    assert_eq!(read(request, &Limits::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_parts_are_a_legal_upload() {
    assert!(roles("--edge--\r\n").await.unwrap().is_empty());
}

/// Checklist row C-087, at every byte.
#[tokio::test]
async fn an_upload_cut_anywhere_is_malformed() {
    let whole = parts(&["root", "targets/a"]);
    let last_boundary = whole.len() - "\r\n".len();
    for end in 0..last_boundary {
        assert_eq!(refusal(whole[..end].to_vec()).await, "MalformedUpload", "cut at {end}");
    }
    assert_eq!(roles(whole).await.unwrap().len(), 2);
}

fn limited() -> Limits {
    Limits::for_tests()
}

async fn limit_hit(limits: &Limits, body: impl Into<Body>) -> Option<&'static str> {
    match read_with(limits, body).await {
        Err(ApiError::TooLarge(limit)) => Some(limit),
        _ => None,
    }
}

/// The body in pieces of this size, as a network delivers them.
fn pieces(body: &[u8], size: usize) -> Body {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn as_many_parts_as_the_limit_pass_and_one_more_does_not() {
    let names = ["root", "targets", "snapshot", "targets/a", "targets/b", "targets/c"];
    assert_eq!(read_with(&limited(), parts(&names[..5])).await.unwrap().len(), 5);
    assert_eq!(limit_hit(&limited(), parts(&names)).await, Some("the number of parts"));
}

#[tokio::test]
async fn a_part_of_the_limit_passes_and_one_byte_more_does_not() {
    let part = |size: usize| {
        let mut content = DOCUMENT.to_vec();
        content.resize(size, b' ');
        multipart(&[("root".to_owned(), content)])
    };
    let limits = limited();
    let size = usize::try_from(limits.part_bytes).unwrap();
    assert_eq!(read_with(&limits, part(size)).await.unwrap(), ["root"]);
    let over = pieces(&part(size + 1), 1_000);
    assert_eq!(limit_hit(&limits, over).await, Some("the size of a part"));
}

#[tokio::test]
async fn headers_of_the_limit_pass_and_one_byte_more_does_not() {
    let limits = limited();
    let size = usize::try_from(limits.part_header_bytes).unwrap();
    let line = "Content-Disposition: form-data; filename=\"root\"\r\n";
    let filler = size - line.len() - "x: \r\n".len();
    let headers = |filler: usize| with_headers(&format!("{line}x: {}\r\n", "y".repeat(filler)));
    assert_eq!(read_with(&limits, headers(filler)).await.unwrap(), ["root"]);
    let over = limit_hit(&limits, headers(filler + 1)).await;
    assert_eq!(over, Some("the headers of a part"));
}

#[tokio::test]
async fn headers_without_end_are_not_collected() {
    let limits = limited();
    let line = "Content-Disposition: form-data; filename=\"root\"\r\n";
    let body = with_headers(&format!("{line}x: {}\r\n", "y".repeat(50_000)));
    assert_eq!(limit_hit(&limits, pieces(&body, 500)).await, Some("the headers of a part"));
}

#[tokio::test]
async fn headers_may_be_cut_anywhere_by_the_network() {
    let body = parts(&["root", "targets/a", "targets/b"]);
    for size in 1..body.len() {
        assert_eq!(read_with(&limited(), pieces(&body, size)).await.unwrap().len(), 3, "{size}");
    }
}

/// Each piece comes only after the reader has waited for it.
#[tokio::test]
async fn a_body_that_comes_slowly_but_in_time_is_read() {
    let body = parts(&["root", "targets/a"]);
    let pieces: Vec<Bytes> = body.chunks(50).map(Bytes::copy_from_slice).collect();
    let slowly = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok::<_, axum::Error>(piece)
    });
    assert_eq!(read_with(&limited(), Body::from_stream(slowly)).await.unwrap().len(), 2);
}

fn list(item: &str, count: usize) -> String {
    format!("[{}]", vec![item; count].join(","))
}

fn map(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":{{}}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A document that is harmless but for `count` of something passes when that is the limit.
async fn check_document(limit: usize, over: &str, document: impl Fn(usize) -> String) {
    let upload = |count| multipart(&[("root".to_owned(), document(count).into_bytes())]);
    assert_eq!(read_with(&limited(), upload(limit)).await.unwrap(), ["root"], "{over}");
    assert_eq!(limit_hit(&limited(), upload(limit + 1)).await, Some(over));
}

#[tokio::test]
async fn documents_with_lists_of_the_limit_pass_and_one_more_entry_does_not() {
    let limits = limited().document;
    check_document(limits.signatures, "the number of signatures of a document", |count| {
        format!("{{\"signatures\":{}}}", list("{}", count))
    })
    .await;
    check_document(limits.keys, "the number of keys of a document", |count| {
        format!("{{\"signed\":{{\"keys\":{}}}}}", map(count))
    })
    .await;
    check_document(limits.roles, "the number of roles of a document", |count| {
        format!("{{\"signed\":{{\"delegations\":{{\"roles\":{}}}}}}}", list("{}", count))
    })
    .await;
}

#[tokio::test]
async fn the_values_of_all_documents_of_a_publish_together_are_limited() {
    let upload = |second: usize| {
        let document = |values: usize| format!("{{\"x\":{}}}", list("0", values - 2));
        let documents = [("root", document(300)), ("targets", document(second))];
        multipart(&documents.map(|(role, text)| (role.to_owned(), text.into_bytes())))
    };
    assert_eq!(limited().document.values, 500);
    assert_eq!(read_with(&limited(), upload(200)).await.unwrap().len(), 2);
    assert_eq!(limit_hit(&limited(), upload(201)).await, Some("the number of JSON values"));
}

#[tokio::test]
async fn a_document_nested_to_the_limit_passes_and_one_deeper_is_no_json() {
    for limits in [limited(), Limits::default()] {
        let nested = |depth: usize| {
            let text = "{\"x\":".repeat(depth) + "0" + &"}".repeat(depth);
            multipart(&[("root".to_owned(), text.into_bytes())])
        };
        let depth = limits.document.depth;
        assert_eq!(read_with(&limits, nested(depth)).await.unwrap(), ["root"]);
        let deeper = read_with(&limits, nested(depth + 1)).await;
        assert!(matches!(deeper, Err(ApiError::MalformedJson)), "{depth}");
    }
}

#[tokio::test]
async fn a_body_of_the_limit_passes_and_one_byte_more_does_not() {
    let body = parts(&["root", "targets"]);
    let length = u64::try_from(body.len()).unwrap();
    let exact = Limits { body_bytes: length, ..limited() };
    let short = Limits { body_bytes: length - 1, ..limited() };
    assert_eq!(read_with(&exact, body.clone()).await.unwrap().len(), 2);
    assert_eq!(limit_hit(&short, pieces(&body, 10)).await, Some("the body"));

    let announced = |limits: Limits| {
        let mut request = request(CONTENT_TYPE, body.clone());
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        async move { read(request, &limits).await }
    };
    assert_eq!(announced(exact).await.unwrap().len(), 2);
    assert!(matches!(announced(short).await, Err(ApiError::TooLarge("the body"))));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let body =
        Body::from_stream(stream::once(async { panic!("read") as Result<Bytes, axum::Error> }));
    let mut request = request(CONTENT_TYPE, body);
    request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(u64::MAX));
    let outcome = read(request, &limited()).await;
    assert!(matches!(outcome, Err(ApiError::TooLarge("the body"))));
}

#[tokio::test]
async fn a_body_that_pauses_too_long_is_given_up() {
    let first = parts(&["root"])[..40].to_vec();
    let stuck =
        stream::once(async { Ok::<_, axum::Error>(Bytes::from(first)) }).chain(stream::pending());
    let outcome = read_with(&limited(), Body::from_stream(stuck)).await;
    assert!(matches!(outcome, Err(ApiError::BodyTooSlow)));
}

#[tokio::test]
async fn a_body_that_drips_for_too_long_is_given_up() {
    let limits = Limits { body_time: Duration::from_millis(200), ..limited() };
    let drip = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, axum::Error>(Bytes::from_static(b"-")), ()))
    });
    let outcome = read_with(&limits, Body::from_stream(drip)).await;
    assert!(matches!(outcome, Err(ApiError::BodyTooSlow)));
}

#[tokio::test]
async fn a_body_that_breaks_is_malformed() {
    let broken =
        stream::iter([Ok(Bytes::from_static(b"--edge\r\n")), Err(std::io::Error::other("reset"))]);
    assert_eq!(refusal(Body::from_stream(broken)).await, "MalformedUpload");
}

#[tokio::test]
async fn whoever_reads_an_upload_without_a_server_gets_its_parts_or_why_there_are_none() {
    let limits = Limits::default();
    let parts = read_upload(request(CONTENT_TYPE, parts(&["root", "targets"])), &limits).await;
    let parts = parts.unwrap();
    let update = Update::new(parts);
    let mut roles: Vec<String> = update.roles().map(ToString::to_string).collect();
    roles.sort();
    assert_eq!(roles, ["root", "targets"]);
    let refused = read_upload(request(CONTENT_TYPE, "no multipart"), &limits).await.unwrap_err();
    assert_eq!(refused.to_string(), "the upload cannot be read: MalformedUpload");
}
