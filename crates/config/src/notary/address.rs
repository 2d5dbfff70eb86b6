//! Go's listen addresses: `host:port`, where no host means every interface.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) address: SocketAddr,
    /// What is done otherwise than Go does.
    pub(super) note: Option<String>,
}

/// What was written, what is wrong with it, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadAddress(pub(super) String, pub(super) &'static str, pub(super) &'static str);

/// The address in `text`, which is the value of `key`.
pub(super) fn parse(key: &str, text: &str) -> Result<Listen, BadAddress> {
    let bad = |cause, mend| Err(BadAddress(text.to_owned(), cause, mend));
    let Some((host, port)) = text.rsplit_once(':') else {
        return bad("has no port", "write host and port, such as \":4443\"");
    };
    let Ok(port) = port.parse() else {
        return bad("has no port that is a number", "write the port as a number up to 65535");
    };
    let at = |ip: IpAddr, note| Ok(Listen { address: SocketAddr::new(ip, port), note });
    match host {
        // Go listens by IPv6 too where the machine has it; a fixed [::] fails where it has not.
        "" => at(
            Ipv4Addr::UNSPECIFIED.into(),
            Some(format!(
                "{key} {text}: listening on every IPv4 address; write [::]:{port} \
                 for IPv6 as well"
            )),
        ),
        "localhost" => at(Ipv4Addr::LOCALHOST.into(), None),
        host => match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(ip) => at(ip, None),
            Err(_) => bad(
                "names a host that is no IP address",
                "write the IP address to listen on, or only the port for all, such as \":4443\"",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(
            parse("server.http_addr", text).unwrap().address,
            expected.parse().unwrap(),
            "{text}"
        );
    }

    #[test]
    fn an_address_is_read_as_it_stands() {
        check("127.0.0.1:4443", "127.0.0.1:4443");
        check("[::1]:4443", "[::1]:4443");
        check("[::]:443", "[::]:443");
        check("localhost:4443", "127.0.0.1:4443");
    }

    #[test]
    fn a_port_alone_is_every_ipv4_address_and_says_so() {
        check(":4443", "0.0.0.0:4443");
        assert!(parse("server.http_addr", ":4443").unwrap().note.unwrap().contains("[::]:4443"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["4443", "127.0.0.1", ":https", ":70000", "notary.example.com:4443"] {
            assert!(parse("server.http_addr", text).is_err(), "{text}");
        }
    }
}
