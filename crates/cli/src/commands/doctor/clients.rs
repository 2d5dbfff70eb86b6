//! What docker on this machine would do with the server.

use std::ffi::OsStr;

use super::report::Line;
use super::target::Target;
use super::trusted::Environment;

const TRUST_SERVER: &str = "docker env";

/// The first version of docker that ignores content trust.
const IGNORES_TRUST: u32 = 29;

/// A proxy that the clients would use and this program does not.
pub(super) fn proxies(environment: &Environment) -> Option<Line> {
    environment.https_proxy.as_ref()?;
    Some(Line::warn(
        "proxy",
        "HTTPS_PROXY is set: docker and notary go through it, these checks do not",
        "add the server's host to NO_PROXY unless that is wanted",
    ))
}

/// What the environment tells docker.
pub(super) fn settings(target: &Target, environment: &Environment) -> Option<Line> {
    let server = environment.content_trust_server.as_deref();
    let switch = environment.content_trust.as_deref();
    let export = format!("export DOCKER_CONTENT_TRUST_SERVER={}", target.url);
    match server {
        None if switch.is_none() => None,
        None => Some(Line::warn(
            TRUST_SERVER,
            "DOCKER_CONTENT_TRUST_SERVER is not set: docker asks the registry's own host",
            export,
        )),
        Some(server) if !same(server, target) => Some(Line::warn(
            TRUST_SERVER,
            format!("DOCKER_CONTENT_TRUST_SERVER names another server: {}", server.display()),
            export,
        )),
        Some(_) if !switch.is_some_and(is_on) => Some(Line::warn(
            TRUST_SERVER,
            "DOCKER_CONTENT_TRUST is not 1: docker signs and verifies nothing by itself",
            "export DOCKER_CONTENT_TRUST=1",
        )),
        Some(_) => Some(Line::ok(TRUST_SERVER, "docker is told to use this server")),
    }
}

/// Judges what `docker --version` printed.
pub(super) fn version(said: &str) -> Line {
    const CHECK: &str = "docker";
    let word = said.split([' ', ',']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let Some(version) = word else {
        return Line::warn(CHECK, "docker does not tell its version", "run docker --version");
    };
    let major: u32 = version.split('.').next().and_then(|n| n.parse().ok()).unwrap_or_default();
    if major >= IGNORES_TRUST {
        return Line::warn(
            CHECK,
            format!("docker {version} ignores DOCKER_CONTENT_TRUST and verifies nothing"),
            "use the docker command line of version 28 or older, or the notary command",
        );
    }
    Line::ok(CHECK, format!("docker {version} verifies content trust"))
}

fn same(server: &OsStr, target: &Target) -> bool {
    server.to_str().is_some_and(|server| server.trim_end_matches('/') == target.url)
}

/// As Go reads a truth value.
fn is_on(switch: &OsStr) -> bool {
    matches!(switch.to_str(), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Verdict;

    fn told(server: Option<&str>, switch: Option<&str>) -> Option<Verdict> {
        let target = Target::parse("https://localhost:4443").unwrap().0;
        let environment = Environment {
            content_trust_server: server.map(Into::into),
            content_trust: switch.map(Into::into),
            ..Environment::default()
        };
        settings(&target, &environment).map(|line| line.verdict)
    }

    #[test]
    fn only_a_docker_that_is_told_otherwise_is_warned_of() {
        assert_eq!(told(None, None), None);
        assert_eq!(told(Some("https://localhost:4443"), Some("1")), Some(Verdict::Ok));
        assert_eq!(told(Some("https://localhost:4443"), None), Some(Verdict::Warn));
        assert_eq!(told(Some("https://localhost:4443"), Some("0")), Some(Verdict::Warn));
        assert_eq!(told(Some("https://elsewhere"), Some("1")), Some(Verdict::Warn));
        assert_eq!(told(None, Some("1")), Some(Verdict::Warn));
    }

    #[test]
    fn docker_from_29_on_is_warned_of() {
        for (said, verdict) in [
            ("Docker version 20.10.24+dfsg1, build 297e128\n", Verdict::Ok),
            ("Docker version 28.5.1, build e180ab8\n", Verdict::Ok),
            ("Docker version 29.0.0, build 3d4129b\n", Verdict::Warn),
            ("podman?", Verdict::Warn),
        ] {
            assert_eq!(version(said).verdict, verdict, "{said}");
        }
    }
}
