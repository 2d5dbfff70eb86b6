//! Publishes whose form is odd: file names, headers, boundaries, broken ends (server spec 1.6).

use countersign_forge::repository::Repository;

use crate::exchange::Call;
use crate::multipart::{BOUNDARY, body, form, part};
use crate::outcome::Content;
use crate::step::{Act, Effect, Scene, Start, Step};
use crate::world::SnapshotHolder;

/// File names of one part with good targets in it.
const NAMES: &[&str] = &[
    "targets",
    "targets.json",
    "targets.json.json",
    ".json",
    "",
    " ",
    "foo",
    "Targets",
    "TARGETS",
    "targets/",
    "targets/a/",
    "targets//a",
    "targets/A",
    "targets/a b",
    "targets/.",
    "targets/..",
    "targets/../a",
    "../root",
    "/targets",
    "./targets",
    "targets/é",
    "targets/a.b",
    "targets/a*",
    "root/a",
    "mirrors",
    "targets\\a",
    "timestamp",
    "timestamp.json",
    "targets\0",
    "targets/a\0b",
];

/// Dispositions of one part with good targets in it.
const DISPOSITIONS: &[&str] = &[
    r#"form-data; name="other"; filename="targets""#,
    r#"form-data; filename="targets""#,
    r#"form-data; filename=targets"#,
    r#"form-data; name="files""#,
    r#"form-data"#,
    r#"attachment; filename="targets""#,
    r#"Form-Data; Name="files"; FileName="targets""#,
    r#"form-data; name="files"; filename="targets"; filename="root""#,
    r#"form-data; name="files"; filename*=UTF-8''targets"#,
    r#"form-data; name="files"; filename="foo"; filename*=UTF-8''targets"#,
    r#"form-data; name="files"; filename="tar\gets""#,
    r#"form-data; name="files"; filename="targets"; x"#,
    r#"form-data; name="files"; filename="targets"#,
    r#"form-data; name="files"; filename='targets'"#,
    r#"form-data; name="files" filename="targets""#,
    r#"; filename="targets""#,
    "",
];

/// Content types of a publish that is otherwise good.
const CONTENT_TYPES: &[Option<&str>] = &[
    None,
    Some(""),
    Some("multipart/form-data"),
    Some("multipart/form-data; boundary="),
    Some("multipart/form-data; boundary=other"),
    Some("multipart/form-data; boundary=\"689e6360c1a24f0e8b7d5c3a\""),
    Some("Multipart/Form-Data; Boundary=689e6360c1a24f0e8b7d5c3a"),
    Some("multipart/mixed; boundary=689e6360c1a24f0e8b7d5c3a"),
    Some("multipart/related; boundary=689e6360c1a24f0e8b7d5c3a"),
    Some("multipart/form-data; charset=utf-8; boundary=689e6360c1a24f0e8b7d5c3a"),
    Some("application/json"),
    Some("application/x-www-form-urlencoded"),
    Some("text/plain"),
];

/// The steps.
pub(crate) fn steps(seed: u64) -> Vec<Step> {
    let holder = if seed == 1 { SnapshotHolder::Client } else { SnapshotHolder::Server };
    let mut steps = Vec::new();
    for name in NAMES {
        let disposition = format!(r#"form-data; name="files"; filename="{name}""#);
        steps.push(one_part(format!("multipart/file name {name:?}"), disposition, holder));
    }
    let long = "a".repeat(247);
    for name in [format!("targets/{long}"), format!("targets/{long}a"), format!("targets/{long}aa")]
    {
        let disposition = format!(r#"form-data; name="files"; filename="{name}""#);
        let name = format!("multipart/file name of {} bytes", name.len());
        steps.push(one_part(name, disposition, holder));
    }
    for disposition in DISPOSITIONS {
        let name = format!("multipart/disposition {disposition}");
        steps.push(one_part(name, (*disposition).to_owned(), holder));
    }
    for content_type in CONTENT_TYPES {
        let name = format!("multipart/content type {content_type:?}");
        steps.push(raw(name, holder, move |next| {
            let mut call = body(next.gun(), form(&next.all_parts()));
            call.content_type = content_type.map(str::to_owned);
            call
        }));
    }
    steps.extend(unusual_bodies(holder));
    steps.extend(broken_bodies(holder));
    steps
}

/// Bodies that say the same in another way.
fn unusual_bodies(holder: SnapshotHolder) -> Vec<Step> {
    let shape = |name: &str, shape: Shape| in_shape(name, holder, shape);
    vec![
        shape("reversed order", |next| {
            let mut parts = next.all_parts();
            parts.reverse();
            form(&parts)
        }),
        shape("every part twice", |next| form(&[next.all_parts(), next.all_parts()].concat())),
        shape("with a timestamp part", |next| {
            form(&[next.all_parts(), vec![("timestamp".to_owned(), b"{}".to_vec())]].concat())
        }),
        shape("with preamble and epilogue", |next| {
            [b"before\r\n".to_vec(), form(&next.all_parts()), b"after".to_vec()].concat()
        }),
        shape("part with a quoted-printable encoding", |next| {
            let parts = String::from_utf8(form(&next.all_parts())).unwrap();
            parts
                .replace(
                    "application/octet-stream",
                    "application/octet-stream\r\nContent-Transfer-Encoding: quoted-printable",
                )
                .into_bytes()
        }),
        shape("part content type JSON", |next| {
            let parts = String::from_utf8(form(&next.all_parts())).unwrap();
            parts.replace("application/octet-stream", "application/json").into_bytes()
        }),
    ]
}

/// A part whose file name is no UTF-8, before the other documents.
fn name_without_unicode(next: &Repository) -> Vec<u8> {
    let parts = part(r#"form-data; name="files"; filename="targets/#""#, b"{}");
    let bytes = parts.into_iter().map(|byte| if byte == b'#' { 0xff } else { byte });
    bytes.chain(form(&next.all_parts())).collect()
}

/// Bodies that are cut, or hold a bad part.
fn broken_bodies(holder: SnapshotHolder) -> Vec<Step> {
    let shape = |name: &str, shape: Shape| in_shape(name, holder, shape);
    vec![
        shape("no body", |_| Vec::new()),
        shape("only the last boundary", |_| format!("--{BOUNDARY}--\r\n").into()),
        shape("only a first boundary", |_| format!("--{BOUNDARY}\r\n").into()),
        shape("text without boundary", |_| b"text".to_vec()),
        shape("bad then good part of one role", |next| {
            form(&[vec![("targets".to_owned(), b"{}".to_vec())], next.all_parts()].concat())
        }),
        shape("good then bad part of one role", |next| {
            form(&[next.all_parts(), vec![("targets".to_owned(), b"{}".to_vec())]].concat())
        }),
        shape("bad role after good parts", |next| {
            form(&[next.all_parts(), vec![("foo".to_owned(), b"{}".to_vec())]].concat())
        }),
        shape("bad JSON before bad role", |_| {
            form(&[("root".to_owned(), b"x".to_vec()), ("foo".to_owned(), b"{}".to_vec())])
        }),
        shape("with a timestamp part that is no JSON", |next| {
            form(&[next.all_parts(), vec![("timestamp".to_owned(), b"x".to_vec())]].concat())
        }),
        shape("line ends without CR", |next| {
            let text = String::from_utf8(form(&next.all_parts())).unwrap();
            text.replace("\r\n", "\n").into_bytes()
        }),
        shape("cut in the last boundary", |next| cut(next, |length| length - 5)),
        shape("cut before the last boundary", |next| cut(next, |length| length - 30)),
        shape("cut in the middle", |next| cut(next, |length| length / 2)),
        shape("cut in the first header", |next| cut(next, |_| 60)),
        shape("file name that is no Unicode", name_without_unicode),
        shape("part without headers", |next| {
            let mut parts = format!("--{BOUNDARY}\r\n\r\n{{}}\r\n").into_bytes();
            parts.extend(form(&next.all_parts()));
            parts
        }),
        shape("part without disposition", |next| {
            let mut parts =
                format!("--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\n{{}}\r\n").into_bytes();
            parts.extend(form(&next.all_parts()));
            parts
        }),
    ]
}

/// Makes a body from the next state of a collection.
type Shape = fn(&Repository) -> Vec<u8>;

fn in_shape(name: &str, holder: SnapshotHolder, shape: Shape) -> Step {
    raw(format!("multipart/{name}"), holder, move |next| body(next.gun(), shape(next)))
}

fn cut(next: &Repository, length: fn(usize) -> usize) -> Vec<u8> {
    let mut bytes = form(&next.all_parts());
    bytes.truncate(length(bytes.len()));
    bytes
}

/// Good targets in one part of the given disposition, before the other documents.
fn one_part(name: String, disposition: String, holder: SnapshotHolder) -> Step {
    raw(name, holder, move |next| {
        let bytes = next.document("targets").unwrap().to_bytes();
        let rest: Vec<_> =
            next.all_parts().into_iter().filter(|(role, _)| role != "targets").collect();
        body(next.gun(), [part(&disposition, &bytes), form(&rest)].concat())
    })
}

fn raw(name: String, holder: SnapshotHolder, call: impl Fn(&Repository) -> Call + 'static) -> Step {
    let scene = Scene::Stage(holder, Start::Published);
    Step::new(name, scene, Content::Plain, move |world, gun| {
        let next = super::faults::next(world.repository(gun));
        let call = call(&next);
        Act::teaching(call, Effect::Published(Box::new(next), Vec::new()))
    })
}
