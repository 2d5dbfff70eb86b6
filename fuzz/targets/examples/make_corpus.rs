//! Writes `fuzz/corpus/` anew, all but what a fuzzer found (`found-*`):
//! `cargo run -p countersign-fuzz-targets --example make_corpus`.
//!
//! Documents come from the forge, each with one fault, and from what Notary's own client made.

#![expect(clippy::unwrap_used, reason = "a tool that cannot go on stops")]

use std::path::{Path, PathBuf};

use chrono::DateTime;
use countersign_custody::remote::protocol::{CreateKeyRequest, KeyId, SignatureRequest};
use countersign_forge::certificate::{CertificateShape, SignatureDigest, Standing};
use countersign_forge::damage::{Damage, apply, pointers};
use countersign_forge::document::Document;
use countersign_forge::faults;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_fuzz_targets::{
    KEY_TYPES, METHODS, PUBLISHED_AT, TOKEN_PARTS, good_claims, good_tokens, held_key, jwk,
    signing_keys, trusted_bundle,
};
use prost::Message as _;
use serde_json::{Value, json};

const GUN: &str = "example.com/team/app";

/// How many documents of each kind are kept: with a named fault, and with a damaged member.
const FAULTY: usize = 14;
const DAMAGED: usize = 14;

const JSON: [&str; 16] = [
    "null",
    "[]",
    r#"{"b":1,"a":{"z":null,"Z":[true,false]},"b":2}"#,
    r#"["\u00e9","\u2028","\u0001","\n","\"","\\","\/"]"#,
    r#"["\ud800"]"#,
    r#"["\ud83d\ude00","😀"]"#,
    "[1e3,1.0,-0,-0.0,0e0]",
    "[9007199254740993,-9007199254740993]",
    "[9223372036854775807,9223372036854775808,-9223372036854775808]",
    "[18446744073709551615,18446744073709551616]",
    "[1.5]",
    "1e400",
    "[0.1e1,1E-0]",
    " { \"a\" : [ 1 , 2 ] }\n",
    r#"{"":"","a\"b":1,"ä":2,"a":3}"#,
    "[[[[[[[[[[[[[[[[[[[[{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}]]]]]]]]]]]]]]]]]]]]",
];

const NAMES: [&str; 20] = [
    "root",
    "targets",
    "snapshot",
    "timestamp",
    "targets/a",
    "targets/a-b_9/c",
    "targets/..",
    "targets//a",
    "targets/a/",
    "targets/A",
    "../root",
    "127.0.0.1:5000/a/b_c.d",
    "CON",
    "a\0b",
    "é/🐳",
    "rsapss",
    "ECDſA",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "2026-11-24T12:00:00.5Z",
    "2026-12-31T23:59:60+01:00",
];

const REQUESTS: [&str; 24] = [
    "GET /v2/",
    "GET /v2",
    "POST /v2/",
    "PATCH /v2/",
    "HEAD /v2/",
    "GET /v2/a/_trust/tuf/root.json",
    "GET /v2/127.0.0.1:5000/a%2Fb/_trust/tuf/targets/a/b.json",
    "GET /v2/a/_trust/tuf/1.root.json",
    "GET /v2/a/_trust/tuf/99999999999999999999.root.json",
    "GET /v2/a/_trust/tuf/root.ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.json",
    "GET /v2/a/_trust/tuf/timestamp.key",
    "POST /v2/a/_trust/tuf/snapshot.key",
    "POST /v2/a/_trust/tuf/",
    "DELETE /v2/a/_trust/tuf/",
    "GET /v2/a/_trust/tuf/b/_trust/tuf/root.json",
    "GET /v2//evil.example/..//a/../b/",
    "GET //evil.example/%2e%2e",
    "GET /%5c%5cevil.example/../x",
    "GET /v2/%00/_trust/tuf/root.json",
    "GET /v2/%zz",
    "GET /v2/_trust/changefeed?records=10&change_id=-1",
    "GET /v2/a/_trust/changefeed?records=%zz&records=1",
    "GET /_notary_server/health",
    "OPTIONS *",
];

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("corpus");
    remove_what_was_made(&corpus);
    texts(&corpus.join("canonical_json"), &JSON);
    texts(&corpus.join("names"), &NAMES);
    texts(&corpus.join("routes"), &REQUESTS);
    let repository = repository();
    for role in ["root", "snapshot", "targets"] {
        documents(&corpus.join(role), &repository, role);
    }
    timestamps(&corpus.join("timestamp"), &repository);
    keys(&corpus.join("keys"));
    signer_calls(&corpus.join("signer_calls"));
    tokens(&corpus.join("tokens"));
    uploads(&corpus.join("upload"), &repository);
}

fn remove_what_was_made(corpus: &Path) {
    for folder in std::fs::read_dir(corpus).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap();
            if !file.file_name().to_str().unwrap().starts_with("found-") {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
    }
}

fn write(folder: &Path, name: &str, data: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), data).unwrap();
}

fn texts(folder: &Path, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        write(folder, &format!("{index:02}"), text.as_bytes());
    }
}

fn repository() -> Repository {
    let now = DateTime::from_timestamp(PUBLISHED_AT, 0).unwrap();
    let timestamp = Key::ecdsa([4; 32]).to_json();
    let mut repository = Repository::new(GUN, 7, now, &ServerKeys { timestamp, snapshot: None });
    let key = repository.new_ed25519_key();
    repository.add_delegation("targets/a", key);
    repository.add_target("targets", "v1", b"content");
    repository
}

/// The document itself, with named faults, with damaged members, and as Notary's client made it.
fn documents(folder: &Path, repository: &Repository, role: &str) {
    let good = repository.document(role).unwrap();
    write(folder, "good", &signed_by_the_fixed_keys(good).to_bytes());
    let fitting: Vec<_> = faults::all().filter(|fault| fault.fits(role)).collect();
    for fault in fitting.iter().step_by(fitting.len().div_ceil(FAULTY)) {
        let mut faulty = repository.clone();
        fault.apply(&mut faulty, role);
        write(folder, fault.name, &faulty.document(role).unwrap().to_bytes());
    }
    damaged(folder, good);
    from_vectors(folder, role);
}

fn damaged(folder: &Path, good: &Document) {
    let value = good.value();
    let found = pointers(&value);
    let every = found.len().div_ceil(DAMAGED);
    for (index, pointer) in found.iter().step_by(every).enumerate() {
        let Some(damage) = Damage::ALL.get(index % Damage::ALL.len()) else { continue };
        let Some(value) = apply(&value, pointer, *damage) else { continue };
        let document = signed_by_the_fixed_keys(&Document::unsigned(&value));
        write(folder, &format!("damaged-{index:02}"), &document.to_bytes());
    }
}

fn signed_by_the_fixed_keys(document: &Document) -> Document {
    let mut document = document.clone();
    document.sign(&signing_keys());
    document
}

fn from_vectors(folder: &Path, role: &str) {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/client/ecdsa");
    for entry in std::fs::read_dir(vectors).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(['2', '3']) && name.contains(&format!(".{role}.")) {
            write(folder, &format!("notary-{name}"), &std::fs::read(&path).unwrap());
        }
    }
}

fn timestamps(folder: &Path, repository: &Repository) {
    let snapshot = repository.document("snapshot").unwrap().to_bytes();
    let signed = json!({"_type": "Timestamp", "expires": repository.in_days(14),
        "meta": {"snapshot": meta_entry(&snapshot)}, "version": 1});
    let good = Document::unsigned(&signed);
    write(folder, "good", &signed_by_the_fixed_keys(&good).to_bytes());
    let mut spaced = signed_by_the_fixed_keys(&good);
    spaced.signed = serde_json::to_string_pretty(&signed).unwrap();
    write(folder, "white-space", &spaced.to_bytes());
    damaged(folder, &good);
    from_vectors(folder, "timestamp");
}

fn keys(folder: &Path) {
    let now = DateTime::from_timestamp(PUBLISHED_AT, 0).unwrap();
    let client = CertificateShape::of_client(GUN, now);
    let shape = |change: fn(&mut CertificateShape)| {
        let mut shape = client.clone();
        change(&mut shape);
        shape
    };
    let authority = shape(|shape| shape.standing = Standing::Authority);
    let authority = Key::ecdsa_certificate([6; 32], &authority);
    let leaf = Key::ecdsa_certificate([5; 32], &client);
    let chain = [leaf.public(), authority.public()].concat();
    let text = String::from_utf8(leaf.public().to_vec()).unwrap();
    let seeds: [(&str, &str, Vec<u8>); 18] = [
        ("ecdsa", "ecdsa", Key::ecdsa([1; 32]).public().to_vec()),
        ("ecdsa-cut", "ecdsa", Key::ecdsa([1; 32]).public().iter().copied().take(60).collect()),
        ("ed25519", "ed25519", Key::ed25519([2; 32]).public().to_vec()),
        ("ed25519-small-order", "ed25519", [&[1][..], &[0; 31]].concat()),
        ("ed25519-as-ecdsa", "ecdsa", Key::ed25519([2; 32]).public().to_vec()),
        ("rsa", "rsa", Key::rsa().public().to_vec()),
        ("rsa-as-ecdsa", "ecdsa", Key::rsa().public().to_vec()),
        ("rsa-x509", "rsa-x509", Key::rsa_certificate(&client).public().to_vec()),
        (
            "rsa-x509-sha1",
            "rsa-x509",
            Key::rsa_certificate(&shape(|shape| shape.digest = SignatureDigest::Sha1))
                .public()
                .to_vec(),
        ),
        ("leaf", "ecdsa-x509", leaf.public().to_vec()),
        ("leaf-and-authority", "ecdsa-x509", chain),
        ("authority", "ecdsa-x509", authority.public().to_vec()),
        ("authority-and-leaf", "ecdsa-x509", [authority.public(), leaf.public()].concat()),
        ("two-leaves", "ecdsa-x509", [leaf.public(), leaf.public()].concat()),
        ("crlf", "ecdsa-x509", text.replace('\n', "\r\n").into_bytes()),
        ("other-block", "ecdsa-x509", text.replace("CERTIFICATE", "PUBLIC KEY").into_bytes()),
        ("no-key-at-all", "ecdsa-x509", Vec::new()),
        ("unknown-type", "other", b"bytes".to_vec()),
    ];
    for (name, kind, public) in seeds {
        let first = KEY_TYPES.iter().position(|known| *known == kind).unwrap();
        let first = u8::try_from(first).unwrap();
        write(folder, name, &[&[first][..], &public].concat());
    }
}

fn uploads(folder: &Path, repository: &Repository) {
    let part = |name: &str, content: &[u8]| {
        let disposition = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n"
        );
        [disposition.as_bytes(), content, b"\r\n"].concat()
    };
    let end = b"--edge--\r\n".to_vec();
    let [root, targets, snapshot] = ["root", "targets", "snapshot"]
        .map(|role| part(role, &repository.document(role).unwrap().to_bytes()));
    let empty = br#"{"signed":{},"signatures":[]}"#;
    let whole = [root, targets.clone(), snapshot.clone(), end.clone()].concat();
    let small = [part("targets.json", empty), end.clone()].concat();
    let text = String::from_utf8(small.clone()).unwrap();
    let seeds: [(&str, u8, Vec<u8>); 18] = [
        ("whole", 0, whole.clone()),
        ("whole-in-pieces", 100, whole.clone()),
        ("whole-cut", 200, whole.iter().copied().take(whole.len() / 2).collect()),
        ("no-root", 50, [targets.clone(), snapshot, end.clone()].concat()),
        ("no-parts", 1, end.clone()),
        ("empty", 0, Vec::new()),
        ("small", 7, small.clone()),
        ("small-without-end", 7, small.iter().copied().take(small.len() - 10).collect()),
        ("twice", 9, [targets.clone(), targets, end.clone()].concat()),
        ("null", 3, [part("targets", b"null"), end.clone()].concat()),
        ("deep", 0, [part("targets", &[b'['; 2_000]), end.clone()].concat()),
        ("parent", 0, [part("../root", empty), end.clone()].concat()),
        ("nul", 0, [part("root\0", empty), end].concat()),
        ("no-name", 0, text.replace("; filename=\"targets.json\"", "").into_bytes()),
        ("line-feeds", 0, text.replace("\r\n", "\n").into_bytes()),
        ("other-case", 0, text.replace("filename", "FileName").into_bytes()),
        ("long-header", 64, text.replace("\"files\"", &"x".repeat(3_000)).into_bytes()),
        ("preamble", 5, [b"before\r\n".to_vec(), small].concat()),
    ];
    for (name, first, body) in seeds {
        write(folder, name, &[&[first][..], &body].concat());
    }
}

/// Good calls, and near misses of each.
fn signer_calls(folder: &Path) {
    let key = |id: &str| KeyId { id: id.to_owned() };
    let sign = |key_id: Option<KeyId>| {
        SignatureRequest { key_id, content: b"content".to_vec() }.encode_to_vec()
    };
    let create = |algorithm: &str, gun: &str, role: &str| {
        let [algorithm, gun, role] = [algorithm, gun, role].map(str::to_owned);
        CreateKeyRequest { algorithm, gun, role }.encode_to_vec()
    };
    let held = held_key();
    let framed = |message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], length.as_slice(), message].concat()
    };
    let good = sign(Some(key(&held)));
    let health = |name: &str| {
        let length = u8::try_from(name.len()).unwrap();
        [&[0x0a, length], name.as_bytes()].concat()
    };
    let cases: [(&str, u8, u8, Vec<u8>); 20] = [
        ("sign", 0, 0, good.clone()),
        ("sign-no-key", 0, 0, sign(None)),
        ("sign-empty-id", 0, 0, sign(Some(key("")))),
        ("sign-upper", 0, 0, sign(Some(key(&held.to_uppercase())))),
        ("sign-absent", 0, 0, sign(Some(key(&"0".repeat(64))))),
        ("sign-twice-framed", 0, 1, [framed(&good), framed(&good)].concat()),
        ("sign-cut", 0, 1, framed(&good).into_iter().take(20).collect()),
        (
            "sign-compressed",
            0,
            1,
            framed(&good)
                .into_iter()
                .enumerate()
                .map(|(at, byte)| if at == 0 { 1 } else { byte })
                .collect(),
        ),
        ("sign-huge-frame", 0, 1, vec![0, 0xff, 0xff, 0xff, 0xff, 1]),
        ("sign-for-gun", 0, 2, b"ZXhhbXBsZS5jb20vYXBw".to_vec()),
        ("sign-for-no-base64", 0, 2, b"%%%".to_vec()),
        ("create", 1, 0, create("ecdsa", GUN, "timestamp")),
        ("create-rsa", 1, 0, create("rsa", GUN, "timestamp")),
        ("create-root", 1, 0, create("ed25519", GUN, "root")),
        ("create-old", 1, 0, create("ecdsa", "", "")),
        ("look", 2, 0, key(&held).encode_to_vec()),
        ("delete", 3, 0, key(&"0".repeat(64)).encode_to_vec()),
        ("health", 4, 0, health("grpc.health.v1.Health.Signer")),
        ("health-unknown", 4, 0, health("proto.Signer")),
        ("unknown-method", 5, 0, Vec::new()),
    ];
    for (name, method, form, body) in cases {
        assert!(usize::from(method) < METHODS.len());
        write(folder, name, &[&[method, form], body.as_slice()].concat());
    }
}

fn tokens(folder: &Path) {
    for (name, token) in good_tokens() {
        token_part(folder, "token", name, &token);
    }
    let (_, good) = good_tokens().pop().unwrap();
    for (name, token) in [
        ("padded", format!("{good}==")),
        ("cut", good.chars().take(good.len() - 4).collect()),
        ("unsigned", good.rsplit_once('.').unwrap().0.to_owned() + "."),
        ("dots", "..".to_owned()),
        ("none", "eyJhbGciOiJub25lIn0.e30.".to_owned()),
    ] {
        token_part(folder, "token", name, &token);
    }
    for (name, header) in [
        ("jwk", json!({"alg": "ES256", "jwk": jwk()})),
        ("jwk-kid", json!({"alg": "ES256", "jwk": jwk_with("kid", "x".into())})),
        ("jwk-x5c", json!({"alg": "ES256", "jwk": jwk_with("x5c", json!(["AAAA"]))})),
        ("x5c", json!({"alg": "ES256", "x5c": ["AAAA", ""]})),
        ("urls", json!({"alg": "ES256", "jku": "http://127.0.0.1/", "x5u": "file:///"})),
        ("hs256", json!({"alg": "HS256", "kid": "x"})),
        ("none", json!({"alg": "none"})),
        ("crit", json!({"alg": "ES256", "crit": ["b64"], "b64": false})),
    ] {
        token_part(folder, "header", name, &header.to_string());
    }
    claims(folder);
    let set = json!({"keys": [jwk(), {"kty": "oct", "k": "AA"}, null]}).to_string();
    token_part(folder, "keys", "jwk", &jwk().to_string());
    token_part(folder, "keys", "jwks", &set);
    token_part(folder, "keys", "private", &jwk_with("d", "AQAB".into()).to_string());
    let bundle = String::from_utf8(trusted_bundle()).unwrap();
    let half: String = bundle.chars().take(bundle.len() / 2).collect();
    token_part(folder, "bundle", "both", &bundle);
    token_part(folder, "bundle", "cut", &half);
    token_part(folder, "bundle", "other-block", &bundle.replace("CERTIFICATE", "PUBLIC KEY"));
}

fn claims(folder: &Path) {
    for (pointer, value) in [
        ("/sub", json!("alice")),
        ("/aud", json!(["notary.test"])),
        ("/exp", json!(1.5)),
        ("/exp", Value::Null),
        ("/nbf", json!(i64::MAX)),
        ("/access", json!([null])),
        ("/access/0/actions", json!([null])),
        ("/access/0/class", json!("image")),
        ("/iss", json!({})),
    ] {
        let mut claims = good_claims();
        if let Some(place) = claims.pointer_mut(pointer) {
            *place = value.clone();
        }
        let name = format!("{}-{}", pointer.replace('/', "_"), value.to_string().len());
        token_part(folder, "claims", &name, &claims.to_string());
    }
    let text = good_claims().to_string();
    let twice = text.replace("\"aud\"", "\"aud\":\"x\",\"aud\"");
    token_part(folder, "claims", "twice", &twice);
    token_part(folder, "claims", "folded", &text.replace("\"exp\"", "\"EXP\""));
    token_part(folder, "claims", "exponent", &text.replace("1795478700", "1795478700e0"));
}

fn token_part(folder: &Path, part: &str, name: &str, text: &str) {
    let first = TOKEN_PARTS.iter().position(|known| *known == part).unwrap();
    let first = u8::try_from(first).unwrap();
    write(folder, &format!("{part}-{name}"), &[&[first][..], text.as_bytes()].concat());
}

fn jwk_with(name: &str, value: Value) -> Value {
    let mut jwk = jwk();
    jwk.as_object_mut().unwrap().insert(name.to_owned(), value);
    jwk
}
