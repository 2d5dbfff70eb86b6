//! The URL of a trust server, as docker and notary take it.

use http::Uri;

use super::report::Line;

const CHECK: &str = "URL";
const MEND: &str = "write it as https://HOST or https://HOST:PORT";

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Scheme, host, port as it was written, and path without a slash at its end.
    pub(super) url: String,
    /// A DNS name or an IP address, without brackets.
    pub(super) host: String,
    /// 443 when the URL names none.
    pub(super) port: u16,
    /// Host and port as the URL has them: docker's directory is called so.
    pub(super) authority: String,
    /// Empty, or beginning with a slash and not ending with one.
    pub(super) path: String,
}

impl Target {
    /// The target that `text` names and what to say of it; else the failed check.
    pub(super) fn parse(text: &str) -> Result<(Self, Line), Line> {
        let failed = |why: &str| Line::fail(CHECK, format!("{text:?} {why}"), MEND);
        let uri: Uri = text.parse().map_err(|error| failed(&format!("is no URL ({error})")))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some(_) => return Err(failed("is not https, and docker takes nothing else")),
            None => return Err(failed("has no https:// in front")),
        }
        let authority = uri.authority().ok_or_else(|| failed("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Line::fail(CHECK, "the URL holds a user name", MEND));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(failed("has something behind its path"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(failed("names no host"));
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        let url = format!("https://{authority}{path}");
        let line = if uri.path() == "/" && !text.ends_with('/') {
            Line::ok(CHECK, &url)
        } else {
            let clean = format!("https://{authority}");
            Line::warn(CHECK, format!("{text} has a path"), format!("docker wants none: {clean}"))
        };
        let port = authority.port_u16().unwrap_or(443);
        Ok((Self { url, host, port, authority: authority.to_string(), path }, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Verdict;

    fn refused(text: &str, words: &str) {
        let line = Target::parse(text).unwrap_err();
        assert_eq!(line.verdict, Verdict::Fail);
        assert!(line.found.contains(words), "{line:?}");
    }

    #[test]
    fn host_and_port_are_taken_as_clients_take_them() {
        for (text, host, port, authority) in [
            ("https://localhost:4443", "localhost", 4443, "localhost:4443"),
            ("https://trust.example.com", "trust.example.com", 443, "trust.example.com"),
            ("https://[::1]:4443", "::1", 4443, "[::1]:4443"),
        ] {
            let (target, line) = Target::parse(text).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!((target.authority.as_str(), target.path.as_str()), (authority, ""));
            assert_eq!(line, Line::ok(CHECK, text));
        }
    }

    #[test]
    fn a_path_is_warned_of_and_kept() {
        let (target, line) = Target::parse("https://example.com/notary/").unwrap();
        assert_eq!((target.path.as_str(), line.verdict), ("/notary", Verdict::Warn));
        let (target, line) = Target::parse("https://example.com/").unwrap();
        assert_eq!((target.path.as_str(), line.verdict), ("", Verdict::Warn));
    }

    #[test]
    fn what_no_client_takes_fails() {
        refused("http://localhost:4443", "is not https");
        refused("localhost:4443", "https://");
        refused("localhost", "has no https:// in front");
        refused("https://a?b=c", "behind its path");
        refused("https://a b", "is no URL");
    }

    #[test]
    fn a_password_in_the_url_is_not_repeated() {
        let line = Target::parse("https://user:s3cret@host").unwrap_err();
        assert!(!format!("{line:?}").contains("s3cret"), "{line:?}");
    }
}
