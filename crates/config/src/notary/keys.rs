//! The keys that Notary's file may have, and what is said of the others.

use crate::nearest::{advice, nearest};

use super::source::{PREFIX, Source, variable_name};
use crate::Program;

/// The keys that are obeyed, or refused by name.
const OBEYED: [&str; 23] = [
    "auth.type",
    "auth.options.realm",
    "auth.options.service",
    "auth.options.issuer",
    "auth.options.rootcertbundle",
    "auth.options.autoredirect",
    "server.http_addr",
    "server.grpc_addr",
    "server.tls_cert_file",
    "server.tls_key_file",
    "server.client_ca_file",
    "trust_service.type",
    "trust_service.hostname",
    "trust_service.port",
    "trust_service.key_algorithm",
    "trust_service.tls_ca_file",
    "trust_service.tls_client_cert",
    "trust_service.tls_client_key",
    "storage.backend",
    "storage.db_url",
    "caching.max_age.current_metadata",
    "caching.max_age.consistent_metadata",
    "logging.level",
];

/// The keys of the signer's file that are obeyed.
const OBEYED_BY_SIGNER: [&str; 9] = [
    "default_alias",
    "logging.level",
    "server.client_ca_file",
    "server.grpc_addr",
    "server.tls_cert_file",
    "server.tls_key_file",
    "storage.backend",
    "storage.db_url",
    "storage.default_alias",
];

/// A list, which is obeyed too.
const PREFIXES: &str = "repositories.gun_prefixes";

/// The keys of Notary's that have no counterpart here, each with the reason.
const WITHOUT_COUNTERPART: [(&str, &str); 9] = [
    ("reporting.bugsnag.api_key", "nothing is reported to Bugsnag"),
    ("reporting.bugsnag.release_stage", "nothing is reported to Bugsnag"),
    ("reporting.bugsnag.endpoint", "nothing is reported to Bugsnag"),
    ("storage.database", "only RethinkDB has it"),
    ("storage.username", "only RethinkDB has it"),
    ("storage.password", "only RethinkDB has it"),
    ("storage.tls_ca_file", "only RethinkDB has it"),
    ("storage.client_cert_file", "only RethinkDB has it"),
    ("storage.client_key_file", "only RethinkDB has it"),
];

/// What signers before 0.4 had beside gRPC.
const OLD_HTTP: (&str, &str) = ("server.http_addr", "the signer speaks gRPC only");

/// What to do about the environment variable `name` if it looks like one of Notary's server and
/// names no key.
///
/// What Kubernetes sets for a service of the name
/// `notary-server` is left alone.
#[must_use]
pub fn advice_on_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let of_others = ["PORT_", "SERVICE_"].iter().any(|with| rest.starts_with(with));
    let variables: Vec<String> = known().map(variable_name).collect();
    if of_others || rest == "PORT" || variables.iter().any(|known| known == name) {
        return None;
    }
    Some(match nearest(name, variables.iter().map(String::as_str)) {
        Some(right) => format!("{name} has no effect: did you mean {right}?"),
        None => format!("{name} has no effect: no key of Notary's has that name"),
    })
}

/// Every key that Notary's file may have.
fn known() -> impl Iterator<Item = &'static str> {
    OBEYED.into_iter().chain([PREFIXES]).chain(WITHOUT_COUNTERPART.map(|(key, _)| key))
}

/// Every key that the signer's file may have.
fn known_of_signer() -> impl Iterator<Item = &'static str> {
    let others = WITHOUT_COUNTERPART.into_iter().chain([OLD_HTTP]).map(|(key, _)| key);
    OBEYED_BY_SIGNER.into_iter().chain(others)
}

/// One note for each key of the file that changes nothing.
pub(super) fn without_counterpart(program: Program, source: &Source<'_>) -> Vec<String> {
    let known: Vec<String> = match program {
        Program::Server => known().map(str::to_owned).collect(),
        Program::Signer => known_of_signer().map(str::to_owned).collect(),
    };
    let of_program = (program == Program::Signer).then_some(&OLD_HTTP);
    let reason =
        |key: &str| WITHOUT_COUNTERPART.iter().chain(of_program).find(|(known, _)| *known == key);
    let note = |key: &str| {
        if let Some((_, reason)) = reason(key) {
            return Some(format!("{key} has no effect: {reason}"));
        }
        let is_known =
            known.iter().any(|known| known == key || known.starts_with(&format!("{key}.")));
        (!is_known).then(|| format!("unknown key {key} has no effect: {}", advice(key, &known)))
    };
    source.keys().filter_map(note).collect()
}
