//! Go's data source names for MySQL, `user:password@tcp(host:port)/name?key=value`, as our URL.
//!
//! Errors hold no part of the text: it has a password in it. Source: the public description of
//! Go's MySQL driver.

use super::storage::{BadUrl, Link, encoded};

const DEFAULT_PORT: &str = "3306";
const FORM: &str = "write user:password@tcp(host:port)/database";

/// The URL that means the same as `dsn`, and notes on what it leaves out.
pub(super) fn to_url(dsn: &str) -> Result<Link, BadUrl> {
    let bad = |cause| BadUrl { cause, mend: FORM };
    // Everything before the last slash may hold slashes: a password, or the path of a socket.
    let (server, rest) = dsn.rsplit_once('/').ok_or(bad("it has no slash before the database"))?;
    let (name, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(bad("it names no database"));
    }
    let (login, place) = server.rsplit_once('@').unwrap_or(("", server));
    let (socket, place) = address(place).ok_or(bad("it has no address that can be read"))?;
    let login = match login.split_once(':') {
        None if login.is_empty() => String::new(),
        None => format!("{}@", encoded(login)),
        Some((user, password)) => format!("{}:{}@", encoded(user), encoded(password)),
    };
    let (tls, notes) = options(parameters)?;
    let socket = socket.map(|path| format!("&socket={}", encoded(path))).unwrap_or_default();
    let url = format!("mysql://{login}{place}/{}?ssl-mode={tls}{socket}", encoded(name));
    Ok(Link { url, notes })
}

/// The path of a socket, if it is one, and host and port for the URL.
fn address(place: &str) -> Option<(Option<&str>, String)> {
    let (network, address) = match place.split_once('(') {
        Some((network, rest)) => (network, rest.strip_suffix(')')?),
        None => (place, ""),
    };
    match network {
        "unix" if address.is_empty() => Some((Some("/tmp/mysql.sock"), "localhost".to_owned())),
        "unix" => Some((Some(address), "localhost".to_owned())),
        "" | "tcp" if address.is_empty() => Some((None, format!("127.0.0.1:{DEFAULT_PORT}"))),
        "" | "tcp" => Some((None, with_port(address))),
        _ => None,
    }
}

fn with_port(address: &str) -> String {
    match address.rsplit_once(':') {
        Some(("", port)) => format!("127.0.0.1:{port}"),
        // The colons of an IPv6 address are within its brackets.
        Some((host, port)) if !port.ends_with(']') => format!("{host}:{port}"),
        _ => format!("{address}:{DEFAULT_PORT}"),
    }
}

/// How far TLS goes, in the words of our URL, and notes on parameters without a counterpart.
fn options(parameters: &str) -> Result<(&'static str, Vec<String>), BadUrl> {
    let mut tls = "DISABLED";
    let mut notes = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key {
            "tls" => tls = tls_mode(value)?,
            // Times are always read as times, and text is always Unicode.
            "parseTime" | "loc" | "charset" | "collation" => {}
            _ => notes.push(format!("storage.db_url: its parameter {key} has no effect")),
        }
    }
    if tls == "DISABLED" {
        notes.push(
            "storage.db_url: the link to the database is not encrypted; add tls=true".to_owned(),
        );
    }
    Ok((tls, notes))
}

fn tls_mode(value: &str) -> Result<&'static str, BadUrl> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok("VERIFY_IDENTITY"),
        "false" | "0" | "" => Ok("DISABLED"),
        "skip-verify" => Ok("REQUIRED"),
        "preferred" => Ok("PREFERRED"),
        _ => Err(BadUrl {
            cause: "its parameter tls names a configuration that only Go code can make",
            mend: "write tls=true, tls=skip-verify, tls=preferred or tls=false",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dsn: &str, expected: &str) {
        assert_eq!(to_url(dsn).unwrap().url, expected, "{dsn}");
    }

    #[test]
    fn a_dsn_becomes_a_url() {
        check(
            "server@tcp(mysql:3306)/notaryserver?parseTime=True",
            "mysql://server@mysql:3306/notaryserver?ssl-mode=DISABLED",
        );
        check("u:p@tcp(db)/n?tls=true", "mysql://u:p@db:3306/n?ssl-mode=VERIFY_IDENTITY");
        check("u:p@tcp([::1]:33)/n", "mysql://u:p@[::1]:33/n?ssl-mode=DISABLED");
        check("u:p@tcp([::1])/n", "mysql://u:p@[::1]:3306/n?ssl-mode=DISABLED");
        check("u@tcp(:3307)/n?tls=skip-verify", "mysql://u@127.0.0.1:3307/n?ssl-mode=REQUIRED");
        check("/n", "mysql://127.0.0.1:3306/n?ssl-mode=DISABLED");
        check("u@/n", "mysql://u@127.0.0.1:3306/n?ssl-mode=DISABLED");
    }

    #[test]
    fn signs_in_a_password_are_escaped() {
        check("u:p@s/w:d?#@tcp(db:1)/n", "mysql://u:p%40s%2Fw%3Ad%3F%23@db:1/n?ssl-mode=DISABLED");
    }

    #[test]
    fn a_socket_is_named_beside_the_host() {
        check(
            "u:p@unix(/run/mysqld/mysqld.sock)/n",
            "mysql://u:p@localhost/n?ssl-mode=DISABLED&socket=%2Frun%2Fmysqld%2Fmysqld.sock",
        );
    }

    #[test]
    fn what_is_no_dsn_is_refused_without_being_shown() {
        for dsn in ["s3cret", "u:s3cret@tcp(db:1)/", "u:s3cret@pipe(x)/n", "u:s3cret@tcp(db/n"] {
            let error = to_url(dsn).err().unwrap();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        assert!(to_url("u@tcp(db)/n?tls=custom").is_err());
    }

    #[test]
    fn other_parameters_are_noted_and_so_is_a_link_in_the_clear() {
        let notes = to_url("u@tcp(db)/n?parseTime=true&timeout=5s").unwrap().notes;
        assert_eq!(notes.len(), 2);
        assert!(notes.iter().any(|note| note.contains("timeout")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("not encrypted")), "{notes:?}");
        assert!(to_url("u@tcp(db)/n?tls=true").unwrap().notes.is_empty());
    }
}
