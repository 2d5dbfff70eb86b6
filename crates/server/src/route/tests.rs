//! The route table row by row, and against the reference's patterns. Source: server spec 1.2, 10.

use proptest::prelude::*;

use super::*;

const HEX: &str = "f22a4046194bba4db3552f093d3318d08e42c12064d962e049b00192d25ce8a2";

fn gun(text: &str) -> Gun {
    Gun::parse(text).unwrap()
}

fn role(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

fn get(path: &str) -> Route {
    Route::parse(&Method::GET, path)
}

fn current_of(name: &str, of: &str) -> Route {
    Route::GetRole(gun(name), DocumentName::Current(role(of)))
}

#[test]
fn every_row_of_the_table_is_routed() {
    let digest = Sha256Digest::from_hex(HEX).unwrap();
    for (method, path, expected) in [
        (Method::GET, "/v2/".to_owned(), Route::Ping),
        (Method::POST, "/v2/a/b/_trust/tuf/".to_owned(), Route::Publish(gun("a/b"))),
        (
            Method::GET,
            format!("/v2/a/_trust/tuf/targets/r.{HEX}.json"),
            Route::GetRole(gun("a"), DocumentName::ByDigest(role("targets/r"), digest)),
        ),
        (
            Method::GET,
            "/v2/a/_trust/tuf/12.targets/r.json".to_owned(),
            Route::GetRole(
                gun("a"),
                DocumentName::ByVersion(role("targets/r"), Version::new(12).unwrap()),
            ),
        ),
        (Method::GET, "/v2/a/_trust/tuf/root.json".to_owned(), current_of("a", "root")),
        (
            Method::GET,
            "/v2/a/_trust/tuf/snapshot.key".to_owned(),
            Route::GetKey(gun("a"), ServerRole::Snapshot),
        ),
        (
            Method::POST,
            "/v2/a/_trust/tuf/timestamp.key".to_owned(),
            Route::RotateKey(gun("a"), ServerRole::Timestamp),
        ),
        (Method::DELETE, "/v2/a/_trust/tuf/".to_owned(), Route::Delete(gun("a"))),
        (Method::GET, "/v2/a/_trust/changefeed".to_owned(), Route::Changefeed(Some(gun("a")))),
        (Method::GET, "/v2/_trust/changefeed".to_owned(), Route::Changefeed(None)),
        (Method::GET, "/_notary_server/health".to_owned(), Route::Health),
        (Method::GET, "/_countersign/live".to_owned(), Route::Live),
        (Method::GET, "/_countersign/ready".to_owned(), Route::Ready),
        (Method::GET, "/metrics".to_owned(), Route::Metrics),
    ] {
        assert_eq!(Route::parse(&method, &path), expected, "{method} {path}");
    }
}

/// Checklist rows C-002, C-009, C-010, C-011, C-013.
#[test]
fn what_no_row_has_is_unknown() {
    let short = HEX.get(1..).unwrap();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v2"),
        (Method::POST, "/v2/"),
        (Method::HEAD, "/v2/"),
        (Method::HEAD, "/v2/a/_trust/tuf/root.json"),
        (Method::PUT, "/v2/a/_trust/tuf/"),
        (Method::GET, "/v2/a/_trust/tuf/"),
        (Method::POST, "/v2/a/_trust/tuf"),
        (Method::GET, "/v2/a/_trust/tuf/root.json/"),
        (Method::GET, "/v2/a/_trust/tuf/root.abc.json"),
        (Method::GET, &format!("/v2/a/_trust/tuf/root.{short}.json")),
        (Method::GET, &format!("/v2/a/_trust/tuf/root.{HEX}0.json")),
        (Method::GET, "/v2/a/_trust/tuf/targets.key"),
        (Method::GET, "/v2/a/_trust/tuf/root.key"),
        (Method::POST, "/v2/a/_trust/tuf/targets.key"),
        (Method::DELETE, "/v2/a/_trust/tuf/timestamp.json"),
        (Method::GET, "/v2/a*b/_trust/tuf/root.json"),
        (Method::GET, "/v2/a%2ab/_trust/tuf/root.json"),
        (Method::GET, "/v2/a/_trust/tuf/targets/a%20b.json"),
        (Method::GET, "/v2/_trust/tuf/root.json"),
        (Method::GET, "/v2/a/_trust/tuf/foo.json"),
        (Method::POST, "/metrics"),
        (Method::GET, "/metrics/"),
        (Method::POST, "/_notary_server/health"),
    ] {
        assert_eq!(Route::parse(&method, path), Route::Unknown, "{method} {path}");
    }
}

/// Checklist row C-003.
#[test]
fn other_methods_are_not_allowed_whatever_the_path() {
    for method in [Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in ["/v2/", "/v2/a/_trust/tuf/", "/nothing"] {
            assert_eq!(Route::parse(&method, path), Route::MethodNotAllowed, "{method} {path}");
        }
    }
}

/// Checklist row C-012 and C-014.
#[test]
fn a_gun_may_have_slashes_and_colons_and_is_decoded() {
    assert_eq!(
        get("/v2/127.0.0.1:5000/a/b/_trust/tuf/root.json"),
        current_of("127.0.0.1:5000/a/b", "root")
    );
    assert_eq!(get("/v2/a%2Fb/_trust/tuf/root.json"), current_of("a/b", "root"));
}

#[test]
fn the_last_delimiter_ends_the_gun() {
    assert_eq!(
        get("/v2/a/_trust/tuf/targets/_trust/tuf/root.json"),
        current_of("a/_trust/tuf/targets", "root")
    );
}

/// Observed on the Go server.
#[test]
fn an_earlier_delimiter_ends_the_gun_when_nothing_follows_the_last() {
    assert_eq!(
        get("/v2/a/_trust/tuf/targets/_trust/tuf/foo.json"),
        current_of("a", "targets/_trust/tuf/foo")
    );
}

#[test]
fn a_document_that_cannot_exist_is_routed_and_impossible() {
    let upper = HEX.to_uppercase();
    let long = HEX.repeat(2);
    for (file, route) in [
        ("targets/A.json".to_owned(), RouteName::GetRole),
        ("0.root.json".to_owned(), RouteName::GetRoleByVersion),
        ("2147483648.root.json".to_owned(), RouteName::GetRoleByVersion),
        ("99999999999999999999.root.json".to_owned(), RouteName::GetRoleByVersion),
        (format!("root.{upper}.json"), RouteName::GetRoleByDigest),
        (format!("root.{long}.json"), RouteName::GetRoleByDigest),
        (format!("root.{}.json", long.get(..96).unwrap()), RouteName::GetRoleByDigest),
    ] {
        let expected = Route::GetRole(gun("a"), DocumentName::Impossible(route));
        assert_eq!(get(&format!("/v2/a/_trust/tuf/{file}")), expected, "{file}");
    }
}

/// Checklist row C-042.
#[test]
fn leading_zeros_of_a_version_do_not_matter() {
    assert_eq!(get("/v2/a/_trust/tuf/01.root.json"), get("/v2/a/_trust/tuf/1.root.json"));
}

fn decoded(name: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(name).collect()
}

#[test]
fn a_gun_that_cannot_be_stored_keeps_its_route() {
    let long = "x".repeat(256);
    for (name, reason) in [
        ("a%00b", "a GUN holds no control characters"),
        ("a%0Ab", "a GUN holds no control characters"),
        ("a%FFb", "a GUN is valid UTF-8"),
        (&long, "a GUN has at most 255 characters"),
    ] {
        let gun = decoded(name);
        let unusable =
            |route| Route::UnusableGun { route, gun: gun.clone(), reason: reason.to_owned() };
        let path = format!("/v2/{name}/_trust/tuf/");
        assert_eq!(Route::parse(&Method::POST, &path), unusable(RouteName::Publish));
        assert_eq!(get(&format!("{path}root.json")), unusable(RouteName::GetRole));
    }
}

#[test]
fn unclean_paths_are_redirected_before_the_method_is_looked_at() {
    let expected = Route::Redirect("/v2/a/b".to_owned());
    for path in ["/v2/a//b", "/v2/a/./b", "/v2/x/../a/b", "/v2/a%2F%2Fb", "/v2/a/%2e/b"] {
        assert_eq!(Route::parse(&Method::PATCH, path), expected, "{path}");
    }
    assert_eq!(get("/v2/%zz"), Route::BadEscape);
}

/// The reference's patterns, matched by plain backtracking.
mod reference {
    pub(super) enum Pattern {
        /// Exactly this text.
        Text(&'static str),
        /// One or more bytes that pass, as many as possible first; captured under the name.
        Some(&'static str, fn(u8) -> bool),
        /// Exactly so many bytes that pass.
        Exactly(usize, fn(u8) -> bool),
        /// The first of these that lets the rest match.
        Either(Vec<Vec<Pattern>>),
        /// Any number of times, as many as possible first.
        Repeat(Vec<Pattern>),
    }

    use Pattern::{Either, Exactly, Repeat, Some as Many, Text};

    /// Calls `rest` with what is left after `patterns`, for each way to match, greedy first.
    fn walk<'a>(
        patterns: &[&Pattern],
        input: &'a [u8],
        gun: usize,
        rest: &mut dyn FnMut(&'a [u8], usize) -> bool,
    ) -> bool {
        let Some((first, others)) = patterns.split_first() else { return rest(input, gun) };
        match first {
            Text(text) => input
                .strip_prefix(text.as_bytes())
                .is_some_and(|input| walk(others, input, gun, rest)),
            Exactly(count, passes) => {
                input.len() >= *count
                    && input[..*count].iter().all(|byte| passes(*byte))
                    && walk(others, &input[*count..], gun, rest)
            }
            Many(name, passes) => {
                let most = input.iter().take_while(|byte| passes(**byte)).count();
                (1..=most).rev().any(|length| {
                    let gun = if *name == "gun" { length } else { gun };
                    walk(others, &input[length..], gun, rest)
                })
            }
            Either(choices) => choices.iter().any(|choice| {
                let all: Vec<&Pattern> = choice.iter().chain(others.iter().copied()).collect();
                walk(&all, input, gun, rest)
            }),
            Repeat(body) => {
                let once: Vec<&Pattern> = body.iter().chain(patterns.iter().copied()).collect();
                walk(&once, input, gun, rest) || walk(others, input, gun, rest)
            }
        }
    }

    /// The length of the GUN when the whole of `path` matches.
    fn gun_len(patterns: &[Pattern], path: &[u8]) -> Option<usize> {
        let mut found = None;
        let all: Vec<&Pattern> = patterns.iter().collect();
        walk(&all, path, 0, &mut |left, gun| {
            if left.is_empty() {
                found = Some(gun);
            }
            left.is_empty()
        });
        found
    }

    fn role() -> Pattern {
        let segment = |byte: u8| byte != b'/' && !b"\t\n\x0c\r ".contains(&byte);
        Either(vec![
            vec![Text("root")],
            vec![Text("targets"), Repeat(vec![Text("/"), Many("segment", segment)])],
            vec![Text("snapshot")],
            vec![Text("timestamp")],
        ])
    }

    fn row(tail: Vec<Pattern>) -> Vec<Pattern> {
        let mut all = vec![Text("/v2/"), Many("gun", |byte| byte != b'*'), Text("/_trust/")];
        all.extend(tail);
        all
    }

    fn hex() -> Pattern {
        let digit = |byte: u8| byte.is_ascii_hexdigit();
        Either([64, 96, 128].map(|count| vec![Exactly(count, digit)]).into())
    }

    /// The number of the first row that matches a clean path with `GET`, and the GUN's length.
    pub(super) fn first_row(path: &[u8]) -> Option<(usize, usize)> {
        let digit = |byte: u8| byte.is_ascii_digit();
        let key = Either(vec![vec![Text("snapshot")], vec![Text("timestamp")]]);
        let rows = [
            vec![Text("/v2/")],
            row(vec![Text("tuf/"), role(), Text("."), hex(), Text(".json")]),
            row(vec![Text("tuf/"), Many("version", digit), Text("."), role(), Text(".json")]),
            row(vec![Text("tuf/"), role(), Text(".json")]),
            row(vec![Text("tuf/"), key, Text(".key")]),
            row(vec![Text("changefeed")]),
            vec![Text("/v2/_trust/changefeed")],
        ];
        rows.iter()
            .enumerate()
            .find_map(|(row, patterns)| gun_len(patterns, path).map(|gun| (row, gun)))
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/_trust/tuf/".to_owned()),
        Just("/_trust/changefeed".to_owned()),
        Just("/v2/".to_owned()),
        Just("/".to_owned()),
        Just("root".to_owned()),
        Just("targets".to_owned()),
        Just("targets/".to_owned()),
        Just("snapshot".to_owned()),
        Just(".json".to_owned()),
        Just(".key".to_owned()),
        Just(".".to_owned()),
        Just("1.".to_owned()),
        Just(format!(".{HEX}")),
        Just(HEX.get(..63).unwrap().to_owned()),
        Just("*".to_owned()),
        Just(" ".to_owned()),
        Just("é".to_owned()),
        "[a-z0-9]{1,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn routes_are_those_of_the_reference(pieces in prop::collection::vec(piece(), 0..8)) {
        let path = format!("/v2/a{}", pieces.concat());
        let path = String::from_utf8(path::clean(path.as_bytes())).unwrap();
        let route = get(&path::encode(path.as_bytes()));
        let row = match &route {
            Route::Ping => Some(0),
            Route::GetRole(_, DocumentName::ByDigest(..)) => Some(1),
            Route::GetRole(_, DocumentName::ByVersion(..)) => Some(2),
            Route::GetRole(_, DocumentName::Current(_)) => Some(3),
            Route::GetKey(..) => Some(4),
            Route::Changefeed(Some(_)) => Some(5),
            Route::Changefeed(None) => Some(6),
            _ => None,
        };
        match reference::first_row(path.as_bytes()) {
            None => prop_assert_eq!(route, Route::Unknown, "{}", path),
            Some((expected, gun_len)) => {
                if let Route::GetRole(_, DocumentName::Impossible(_)) = route {
                    prop_assert!((1..=3).contains(&expected), "{path}");
                } else if !matches!(route, Route::UnusableGun { .. }) {
                    prop_assert_eq!(row, Some(expected), "{}", path);
                }
                if let Some(gun) = route.gun() {
                    prop_assert_eq!(gun.as_str().len(), gun_len, "{}", path);
                }
            }
        }
    }

    #[test]
    fn no_path_makes_it_panic(path in any::<String>()) {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD, Method::PATCH] {
            let _route = Route::parse(&method, &path);
        }
    }
}
