//! What the server's answers mean.

use chrono::{DateTime, Utc};
use http::header::{DATE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::report::Line;

/// More than this is worth a warning, in seconds: signatures and tokens are dated.
const SKEW_SECONDS: i64 = 60;

/// How much of a body is shown, in characters.
const SHOWN: usize = 120;

/// An answer of the server.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The beginning of the body.
    pub(super) body: String,
}

impl Answer {
    fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Compares the clocks.
pub(super) fn clock(answer: &Answer, now: DateTime<Utc>) -> Line {
    const CHECK: &str = "clock";
    let date = answer.header(DATE).and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let Some(date) = date else {
        return Line::warn(
            CHECK,
            "the server does not tell its time",
            "compare the clocks by hand",
        );
    };
    let behind = (date.to_utc() - now).num_seconds();
    if behind.abs() <= SKEW_SECONDS {
        return Line::ok(CHECK, "this machine and the server agree to the minute");
    }
    let word = if behind > 0 { "behind" } else { "ahead of" };
    Line::warn(
        CHECK,
        format!("this machine is {} seconds {word} the server", behind.abs()),
        "set the wrong clock: with a wrong one, valid signatures look expired or expired ones valid",
    )
}

/// Judges the answer to `GET /v2/`; also gives the URL of the token server when there is one.
pub(super) fn ping(answer: &Answer) -> (Line, Option<String>) {
    const CHECK: &str = "/v2/";
    match answer.status {
        StatusCode::OK => (Line::ok(CHECK, "200: open, no token is asked for"), None),
        StatusCode::UNAUTHORIZED => {
            let challenge = answer.header(WWW_AUTHENTICATE).unwrap_or_default();
            let scheme = challenge.split(' ').next().unwrap_or_default();
            match parameter(challenge, "realm") {
                Some(realm) if scheme.eq_ignore_ascii_case("bearer") => {
                    let service = parameter(challenge, "service").unwrap_or_default();
                    let found = format!("401: tokens come from {realm} for service {service:?}");
                    (Line::ok(CHECK, found), Some(realm))
                }
                Some(realm) if scheme.eq_ignore_ascii_case("basic") => {
                    (Line::ok(CHECK, format!("401: wants user and password for {realm:?}")), None)
                }
                _ => {
                    let found = format!("401 with a challenge that no client knows: {challenge:?}");
                    let mend = "let the server, or the proxy before it, send WWW-Authenticate: \
                                Bearer realm=...";
                    (Line::fail(CHECK, found, mend), None)
                }
            }
        }
        other => {
            let found = format!("{} {}", other.as_u16(), excerpt(&answer.body));
            let mend = "expected 200 or 401: check that the URL is the trust server's, and what \
                        the proxy before it does";
            (Line::fail(CHECK, found, mend), None)
        }
    }
}

/// Judges the answer to `GET /_notary_server/health`.
pub(super) fn health(answer: &Answer) -> Line {
    const CHECK: &str = "health";
    match answer.status {
        StatusCode::OK => Line::ok(CHECK, "200: storage and keys can be used"),
        StatusCode::NOT_FOUND => Line::warn(
            CHECK,
            "404: there is no health page",
            "check that this is a trust server and no registry; a proxy may hide the page",
        ),
        other => Line::fail(
            CHECK,
            format!("{} {}", other.as_u16(), excerpt(&answer.body)),
            "the server is there and cannot work: its log says why",
        ),
    }
}

/// A quoted parameter of a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let lower = challenge.to_ascii_lowercase();
    let (before, _) = lower.split_once(&format!("{name}=\""))?;
    let start = before.len().checked_add(name.len())?.checked_add(2)?;
    let (value, _) = challenge.get(start..)?.split_once('"')?;
    Some(value.to_owned())
}

fn excerpt(body: &str) -> String {
    body.trim().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::commands::doctor::report::Verdict;

    fn answer(status: u16, headers: &[(http::HeaderName, &str)]) -> Answer {
        let pairs = headers.iter().cloned();
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: pairs.map(|(n, v)| (n, HeaderValue::from_str(v).unwrap())).collect(),
            body: "{\"errors\":[]}\n".to_owned(),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn clocks_may_differ_by_a_minute_and_no_more() {
        let sent = answer(200, &[(DATE, "Tue, 24 Nov 2026 12:00:00 GMT")]);
        for (now, verdict, word) in [
            ("2026-11-24T12:01:00Z", Verdict::Ok, "agree"),
            ("2026-11-24T11:59:00Z", Verdict::Ok, "agree"),
            ("2026-11-24T12:01:01Z", Verdict::Warn, "61 seconds ahead of the server"),
            ("2026-11-24T11:00:00Z", Verdict::Warn, "3600 seconds behind the server"),
        ] {
            let line = clock(&sent, at(now));
            assert_eq!(line.verdict, verdict, "{now}");
            assert!(line.found.contains(word), "{line:?}");
        }
        assert_eq!(clock(&answer(200, &[]), at("2026-11-24T12:00:00Z")).verdict, Verdict::Warn);
    }

    #[test]
    fn an_open_server_and_one_that_wants_a_token_are_well() {
        assert_eq!(ping(&answer(200, &[])).0.verdict, Verdict::Ok);
        let challenge =
            "Bearer realm=\"https://auth.example.com/token\",service=\"notary\",scope=\"x\"";
        let (line, realm) = ping(&answer(401, &[(WWW_AUTHENTICATE, challenge)]));
        assert_eq!(line.verdict, Verdict::Ok);
        assert!(line.found.contains("\"notary\""), "{line:?}");
        assert_eq!(realm.unwrap(), "https://auth.example.com/token");
        let (line, realm) = ping(&answer(401, &[(WWW_AUTHENTICATE, "Basic realm=\"x\"")]));
        assert_eq!((line.verdict, realm), (Verdict::Ok, None));
    }

    #[test]
    fn a_401_without_a_challenge_and_any_other_answer_fail() {
        for sent in [
            answer(401, &[]),
            answer(401, &[(WWW_AUTHENTICATE, "Bearer")]),
            answer(404, &[]),
            answer(302, &[]),
            answer(503, &[]),
        ] {
            let (line, realm) = ping(&sent);
            assert_eq!((line.verdict, realm), (Verdict::Fail, None), "{sent:?}");
        }
    }

    #[test]
    fn health_is_well_missing_or_failing() {
        assert_eq!(health(&answer(200, &[])).verdict, Verdict::Ok);
        assert_eq!(health(&answer(404, &[])).verdict, Verdict::Warn);
        assert_eq!(health(&answer(503, &[])).verdict, Verdict::Fail);
    }
}
