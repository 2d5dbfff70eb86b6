//! The address of a client behind proxies that the operator trusts.
//!
//! Each proxy adds at the right of `X-Forwarded-For` whom it got the request from, so only as many
//! entries from the right as there are such proxies are true; what is further left came from the
//! client.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;

use axum::http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address by the entry that the outermost of `hops` trusted proxies wrote; by the
/// leftmost when there are fewer entries. `None` when there is none, or that one is no address.
pub(crate) fn client(headers: &HeaderMap, hops: NonZeroUsize) -> Option<IpAddr> {
    let mut entries = Vec::new();
    for line in headers.get_all(X_FORWARDED_FOR) {
        entries.extend(line.to_str().ok()?.split(','));
    }
    let index = entries.len().saturating_sub(hops.get());
    address(entries.get(index)?.trim())
}

/// An address, also in brackets, also with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let found = entry.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(found.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(lines: &[&str], hops: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let found = client(&headers, NonZeroUsize::new(hops).unwrap());
        found.map(|address| address.to_string())
    }

    fn check(lines: &[&str], hops: usize, expected: &str) {
        assert_eq!(of(lines, hops).as_deref(), Some(expected), "{lines:?} {hops}");
    }

    #[test]
    fn the_entry_of_the_outermost_trusted_proxy_counts() {
        check(&["192.0.2.1"], 1, "192.0.2.1");
        check(&["203.0.113.9, 192.0.2.1"], 1, "192.0.2.1");
        check(&["203.0.113.9, 192.0.2.1,198.51.100.7"], 2, "192.0.2.1");
    }

    #[test]
    fn what_a_client_sends_itself_is_further_left_and_does_not_count() {
        check(&["10.0.0.1, nonsense, 192.0.2.1"], 1, "192.0.2.1");
        check(&["nonsense,,", "192.0.2.1"], 1, "192.0.2.1");
    }

    #[test]
    fn several_lines_are_one_list() {
        check(&["203.0.113.9", "192.0.2.1, 198.51.100.7"], 2, "192.0.2.1");
        check(&["203.0.113.9, 192.0.2.1", "198.51.100.7"], 2, "192.0.2.1");
    }

    /// Every entry is by a trusted proxy then: the request passed fewer of them.
    #[test]
    fn with_fewer_entries_than_proxies_the_leftmost_counts() {
        check(&["192.0.2.1"], 3, "192.0.2.1");
        check(&["192.0.2.1, 198.51.100.7"], 3, "192.0.2.1");
    }

    #[test]
    fn an_address_may_have_a_port_and_brackets() {
        check(&["192.0.2.1:4711"], 1, "192.0.2.1");
        check(&["2001:db8::1"], 1, "2001:db8::1");
        check(&["[2001:db8::1]"], 1, "2001:db8::1");
        check(&["[2001:db8::1]:4711"], 1, "2001:db8::1");
        check(&["::ffff:192.0.2.1"], 1, "192.0.2.1");
    }

    #[test]
    fn what_is_no_address_is_none() {
        for line in ["", ",", "unknown", "192.0.2.1,", "192.0.2", "192.0.2.1 198.51.100.7", "é"] {
            assert_eq!(of(&[line], 1), None, "{line:?}");
        }
        assert_eq!(of(&[], 1), None);
        assert_eq!(of(&["unknown, 192.0.2.1"], 2), None);
    }
}
