//! PostgreSQL's `key=value` strings, and its URLs, as our URL.
//!
//! Errors hold no part of the text: it may have a password in it. Source: PostgreSQL's public
//! documentation of connection strings.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::storage::{BadUrl, Link, encoded};

/// What Go's driver does when nothing is said: it encrypts, and verifies nobody.
const DEFAULT_SSLMODE: &str = "require";

/// The URL that means the same as `text`, a URL or a list of keywords.
pub(super) fn to_url(text: &str) -> Result<Link, BadUrl> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(of_url(text));
    }
    let mut values = parse(text)?;
    let mut take = |key: &str| values.remove(key).filter(|value| !value.is_empty());
    let host = take("host").unwrap_or_else(|| "localhost".to_owned());
    let port = take("port").unwrap_or_else(|| "5432".to_owned());
    let login = match (take("user"), take("password")) {
        (Some(user), Some(password)) => format!("{}:{}@", encoded(&user), encoded(&password)),
        (Some(user), None) => format!("{}@", encoded(&user)),
        (None, _) => {
            return Err(BadUrl { cause: "it names no user", mend: "write user=NAME into it" });
        }
    };
    let Some(name) = take("dbname") else {
        return Err(BadUrl { cause: "it names no database", mend: "write dbname=NAME into it" });
    };
    let sslmode = take("sslmode").unwrap_or_else(|| DEFAULT_SSLMODE.to_owned());
    let mut query = format!("sslmode={}", encoded(&sslmode));
    let place = if host.starts_with('/') {
        query.push_str(&format!("&host={}", encoded(&host)));
        format!("localhost:{port}")
    } else if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    for key in ["sslrootcert", "sslcert", "sslkey", "application_name"] {
        if let Some(value) = take(key) {
            query.push_str(&format!("&{key}={}", encoded(&value)));
        }
    }
    let mut notes = in_the_clear(&sslmode);
    notes.extend(
        values.keys().map(|key| format!("storage.db_url: its keyword {key} has no effect")),
    );
    Ok(Link { url: format!("postgres://{login}{place}/{}?{query}", encoded(&name)), notes })
}

/// A URL stays as it is; only what Go's driver does without being told is written out.
fn of_url(text: &str) -> Link {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let said = query.split('&').find_map(|parameter| parameter.strip_prefix("sslmode="));
    match said {
        Some(mode) => Link { url: text.to_owned(), notes: in_the_clear(mode) },
        None => {
            let sign = if text.contains('?') { '&' } else { '?' };
            let url = format!("{text}{sign}sslmode={DEFAULT_SSLMODE}");
            Link { url, notes: in_the_clear(DEFAULT_SSLMODE) }
        }
    }
}

/// A note when the link can be read or taken over on its way.
fn in_the_clear(sslmode: &str) -> Vec<String> {
    let what = match sslmode {
        "verify-full" => return Vec::new(),
        "disable" => "is not encrypted",
        _ => "does not verify the database's name",
    };
    vec![format!("storage.db_url: the link to the database {what}; write sslmode=verify-full")]
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, BadUrl> {
    let mut values = BTreeMap::new();
    let mut rest = text.chars().peekable();
    loop {
        skip_blanks(&mut rest);
        if rest.peek().is_none() {
            return Ok(values);
        }
        let mut key = String::new();
        while let Some(c) = rest.next_if(|c| *c != '=' && !c.is_whitespace()) {
            key.push(c);
        }
        skip_blanks(&mut rest);
        if rest.next() != Some('=') || key.is_empty() {
            return Err(malformed());
        }
        skip_blanks(&mut rest);
        values.insert(key, value(&mut rest)?);
    }
}

/// One value: bare up to a blank, or within single quotes; a backslash takes the next sign as it
/// is.
fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, BadUrl> {
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.next() {
            Some('\'') if quoted => return Ok(value),
            None if quoted => return Err(malformed()),
            None => return Ok(value),
            Some(c) if c.is_whitespace() && !quoted => return Ok(value),
            Some('\\') => value.push(rest.next().ok_or_else(malformed)?),
            Some(c) => value.push(c),
        }
    }
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
}

fn malformed() -> BadUrl {
    BadUrl {
        cause: "it is neither a URL nor a list of key=value",
        mend: "write postgres://user:password@host:port/database?sslmode=verify-full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(to_url(text).unwrap().url, expected, "{text}");
    }

    #[test]
    fn keywords_become_a_url() {
        check(
            "host=db port=6432 user=server password=pw dbname=notaryserver sslmode=verify-full",
            "postgres://server:pw@db:6432/notaryserver?sslmode=verify-full",
        );
        check("user=u dbname=n", "postgres://u@localhost:5432/n?sslmode=require");
        check("user = u dbname = n host = ::1", "postgres://u@[::1]:5432/n?sslmode=require");
    }

    #[test]
    fn quotes_and_backslashes_in_values_are_read() {
        check(
            r"user=u password='a b\'c\\' dbname=n\ m sslmode=disable",
            "postgres://u:a%20b%27c%5C@localhost:5432/n%20m?sslmode=disable",
        );
    }

    #[test]
    fn a_socket_and_certificates_are_parameters() {
        check(
            "host=/run/postgresql user=u dbname=n sslmode=disable",
            "postgres://u@localhost:5432/n?sslmode=disable&host=%2Frun%2Fpostgresql",
        );
        check(
            "user=u dbname=n sslmode=verify-ca sslrootcert=/c/ca.pem",
            "postgres://u@localhost:5432/n?sslmode=verify-ca&sslrootcert=%2Fc%2Fca.pem",
        );
    }

    #[test]
    fn a_url_stays_and_tells_what_go_does_unasked() {
        check("postgres://u:p@h/n?sslmode=disable", "postgres://u:p@h/n?sslmode=disable");
        check("postgresql://u:p@h/n", "postgresql://u:p@h/n?sslmode=require");
        check("postgres://h/n?user=u", "postgres://h/n?user=u&sslmode=require");
    }

    #[test]
    fn what_is_neither_is_refused_without_being_shown() {
        for text in
            ["s3cret", "password='s3cret", "=s3cret", "password=s3cret dbname=n", "user=s3cret"]
        {
            let error = to_url(text).err().unwrap();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn only_a_verified_link_needs_no_note() {
        assert!(to_url("postgres://u@h/n?sslmode=verify-full").unwrap().notes.is_empty());
        for mode in ["disable", "require", "verify-ca"] {
            let notes = to_url(&format!("user=u dbname=n sslmode={mode}")).unwrap().notes;
            assert_eq!(notes.len(), 1, "{mode}");
        }
        let notes = to_url("user=u dbname=n sslmode=verify-full fallback=x").unwrap().notes;
        assert_eq!(notes, ["storage.db_url: its keyword fallback has no effect"]);
    }
}
