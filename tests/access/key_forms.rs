//! Which certificates in a bundle count for which tokens, one bundle after another.

use std::path::Path;

use anyhow::{Result, ensure};
use countersign_tests::peers::process::free_port;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ask::Line;
use crate::forge::{Certificate, Key, Kind, Standing};
use crate::server::{Server, Whose, spawn, write_config};
use crate::stage::good_of;

const GUN: &str = "example.com/key-forms";

/// A bundle, and tokens with what they are worth under it.
struct Case {
    name: &'static str,
    bundle: String,
    tokens: Vec<(String, String, Verdict)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Counts,
    Refused,
}

use Verdict::{Counts, Refused};

/// How a token names its key.
enum Form<'a> {
    Kid,
    Jwk,
    X5c(&'a [&'a Certificate]),
    JwkX5c(&'a [&'a Certificate]),
}

impl Case {
    fn new(name: &'static str, trusted: &[&Certificate]) -> Self {
        let bundle = trusted.iter().map(|one| one.pem()).collect();
        Self { name, bundle, tokens: Vec::new() }
    }

    fn token(mut self, key: &Key, form: &Form<'_>, verdict: Verdict) -> Result<Self> {
        let chain = |chain: &[&Certificate]| -> Value {
            chain.iter().map(|certificate| certificate.base64()).collect()
        };
        let token = good_of(key, GUN);
        let (what, token) = match form {
            Form::Kid => ("kid", token),
            Form::Jwk => ("jwk", token.without_header("kid").header("jwk", key.jwk())),
            Form::X5c(certificates) => {
                ("x5c", token.without_header("kid").header("x5c", chain(certificates)))
            }
            Form::JwkX5c(certificates) => {
                let mut jwk = key.jwk();
                jwk["x5c"] = chain(certificates);
                ("jwk.x5c", token.without_header("kid").header("jwk", jwk))
            }
        };
        let what = format!("{}. {what} {:?}", self.tokens.len() + 1, key.kind);
        self.tokens.push((what, token.sign(key)?, verdict));
        Ok(self)
    }

    /// The three forms of a key whose own certificate is in the bundle.
    fn own(self, key: &Key, certificate: &Certificate) -> Result<Self> {
        self.token(key, &Form::Kid, Counts)?
            .token(key, &Form::Jwk, Counts)?
            .token(key, &Form::X5c(&[certificate]), Counts)?
            .token(key, &Form::JwkX5c(&[certificate]), Counts)
    }

    /// What the two servers say, compared with what they must say.
    async fn judge(&self, folder: &Path, faults: &mut Vec<String>) -> Result<()> {
        let file = write_config(folder, &self.bundle)?;
        for whose in Whose::EACH {
            let mut server = Server::start(*whose, &file).await?;
            let line = Line::to(server.port)?;
            let path = format!("/v2/{GUN}/_trust/tuf/root.json");
            for (what, token, verdict) in &self.tokens {
                let answer = line.get(&path, &format!("Bearer {token}")).await?;
                let seen = match (answer.status, answer.challenge.as_str()) {
                    (Some(404), _) => Counts,
                    (Some(401), challenge) if challenge.ends_with("error=\"invalid_token\"") => {
                        Refused
                    }
                    _ => anyhow::bail!("{whose:?} {}: {what}: {answer:?}", self.name),
                };
                if seen != *verdict {
                    faults.push(format!("{whose:?}, {}: {what}: {seen:?}", self.name));
                }
            }
            server.still_runs()?;
        }
        Ok(())
    }
}

/// A key with its own certificate.
fn own(folder: &Path, name: &str, kind: Kind, standing: Standing) -> Result<(Key, Certificate)> {
    let key = Key::make(folder, name, kind)?;
    let certificate = Certificate::own(folder, name, &key, standing)?;
    Ok((key, certificate))
}

/// Every kind of key with every kind of certificate that signs itself.
fn selfmade(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, standing) in [
        ("authorities", Standing::Authority),
        ("leaves", Standing::Leaf),
        ("of version 1", Standing::Old),
        ("for clients only", Standing::With("extendedKeyUsage=clientAuth\n")),
        ("for no signatures", Standing::With("keyUsage=critical,keyEncipherment\n")),
    ] {
        let kinds = [Kind::P256, Kind::P384, Kind::P521, Kind::Rsa];
        let made: Result<Vec<_>> =
            kinds.map(|kind| own(folder, kind.algorithm(), kind, standing)).into_iter().collect();
        let made = made?;
        let mut case = Case::new(name, &made.iter().map(|(_, one)| one).collect::<Vec<_>>());
        for (key, certificate) in &made {
            case = case.own(key, certificate)?;
        }
        cases.push(case);
    }
    Ok(cases)
}

/// A long key with everything that is by it.
fn long(folder: &Path) -> Result<Vec<Case>> {
    let (key, authority) = own(folder, "long", Kind::Rsa4096, Standing::Authority)?;
    let leaf_key = Key::make(folder, "leaf", Kind::P256)?;
    let leaf = Certificate::under(folder, "leaf", &leaf_key, Standing::Leaf, (&authority, &key))?;
    let case = Case::new("a long RSA key", &[&authority]).own(&key, &authority)?;
    Ok(vec![case.token(&leaf_key, &Form::X5c(&[&leaf]), Counts)?])
}

/// Leaves under an authority of every kind, and of every standing.
fn issued(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, kind, standing, verdict) in [
        ("under P-256", Kind::P256, Standing::Authority, Counts),
        ("under P-384", Kind::P384, Standing::Authority, Counts),
        ("under P-521", Kind::P521, Standing::Authority, Counts),
        ("under RSA", Kind::Rsa, Standing::Authority, Counts),
        ("under a leaf", Kind::P256, Standing::Leaf, Refused),
        ("under one who may not issue", Kind::P256, MAY_NOT_ISSUE, Refused),
    ] {
        let (key, authority) = own(folder, "authority", kind, standing)?;
        let mut case = Case::new(name, &[&authority]);
        for leaf_kind in [Kind::P256, Kind::P521, Kind::Rsa] {
            let leaf = Key::make(folder, "leaf", leaf_kind)?;
            let issuer = (&authority, &key);
            let certificate = Certificate::under(folder, "leaf", &leaf, Standing::Leaf, issuer)?;
            case = case
                .token(&leaf, &Form::X5c(&[&certificate]), verdict)?
                .token(&leaf, &Form::JwkX5c(&[&certificate]), verdict)?
                .token(&leaf, &Form::X5c(&[&certificate, &authority]), verdict)?
                .token(&leaf, &Form::Kid, Refused)?
                .token(&leaf, &Form::Jwk, Refused)?;
        }
        cases.push(case);
    }
    Ok(cases)
}

const MAY_NOT_ISSUE: Standing =
    Standing::With("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n");

const ISSUES_LEAVES_ONLY: Standing =
    Standing::With("basicConstraints=critical,CA:TRUE,pathlen:0\n");

/// Chains with an authority in the middle.
fn chains(folder: &Path) -> Result<Vec<Case>> {
    let (root_key, root) = own(folder, "root", Kind::P256, Standing::Authority)?;
    let middle_key = Key::make(folder, "middle", Kind::P384)?;
    let middle =
        Certificate::under(folder, "middle", &middle_key, Standing::Authority, (&root, &root_key))?;
    let leaf_key = Key::make(folder, "leaf", Kind::P256)?;
    let issuer = (&middle, &middle_key);
    let leaf = Certificate::under(folder, "leaf", &leaf_key, Standing::Leaf, issuer)?;
    let (_, strange) = own(folder, "strange", Kind::P256, Standing::Authority)?;

    let (short_key, short) = own(folder, "short", Kind::P256, ISSUES_LEAVES_ONLY)?;
    let issuer = (&short, &short_key);
    let too_many = Certificate::under(folder, "middle", &middle_key, Standing::Authority, issuer)?;
    let no_authority = Certificate::under(folder, "middle", &middle_key, Standing::Leaf, issuer)?;
    Ok(vec![
        Case::new("root of three", &[&root])
            .token(&leaf_key, &Form::X5c(&[&leaf, &middle]), Counts)?
            .token(&leaf_key, &Form::JwkX5c(&[&leaf, &middle]), Counts)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &middle, &root]), Counts)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &root, &middle]), Counts)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &strange, &middle]), Counts)?
            .token(&leaf_key, &Form::X5c(&[&leaf]), Refused)?
            .token(&leaf_key, &Form::X5c(&[&middle, &leaf]), Refused)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &strange]), Refused)?,
        Case::new("middle alone", &[&middle])
            .own(&middle_key, &middle)?
            .token(&leaf_key, &Form::X5c(&[&leaf]), Counts)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &root]), Counts)?,
        Case::new("leaf alone", &[&leaf]).own(&leaf_key, &leaf)?,
        Case::new("root that issues leaves only", &[&short])
            .token(&leaf_key, &Form::X5c(&[&leaf, &too_many]), Refused)?
            .token(&leaf_key, &Form::X5c(&[&leaf, &no_authority]), Refused)?
            .token(&middle_key, &Form::X5c(&[&no_authority]), Counts)?,
    ])
}

/// Certificates whose time is over or has not come.
fn times(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, year) in [("expired", 2020), ("not yet valid", 2040)] {
        let key = Key::make(folder, "own", Kind::P256)?;
        let certificate = Certificate::of_year(folder, "own", &key, Standing::Authority, year)?;
        let leaf_key = Key::make(folder, "leaf", Kind::P256)?;
        let issuer = (&certificate, &key);
        let leaf = Certificate::under(folder, "leaf", &leaf_key, Standing::Leaf, issuer)?;
        cases.push(
            Case::new(name, &[&certificate])
                .token(&key, &Form::Kid, Counts)?
                .token(&key, &Form::Jwk, Counts)?
                .token(&key, &Form::X5c(&[&certificate]), Refused)?
                .token(&key, &Form::JwkX5c(&[&certificate]), Refused)?
                .token(&leaf_key, &Form::X5c(&[&leaf]), Refused)?,
        );
        let renewed = Certificate::own(folder, "renewed", &key, Standing::Authority)?;
        cases.push(Case::new(name, &[&certificate, &renewed]).own(&key, &renewed)?);
    }
    let (key, authority) = own(folder, "authority", Kind::P256, Standing::Authority)?;
    let leaf_key = Key::make(folder, "leaf", Kind::P256)?;
    let issuer = ("authority", &key);
    let old = Certificate::of_year_under(folder, "old", &leaf_key, 2020, issuer)?;
    let early = Certificate::of_year_under(folder, "early", &leaf_key, 2040, issuer)?;
    cases.push(
        Case::new("leaves of other years", &[&authority])
            .token(&leaf_key, &Form::X5c(&[&old]), Refused)?
            .token(&leaf_key, &Form::X5c(&[&early]), Refused)?
            .token(&leaf_key, &Form::JwkX5c(&[&old]), Refused)?,
    );
    Ok(cases)
}

/// Bundles with more in them than certificates.
fn crowded(folder: &Path) -> Result<Vec<Case>> {
    let (key, certificate) = own(folder, "own", Kind::P256, Standing::Authority)?;
    let (other_key, other) = own(folder, "other", Kind::Rsa, Standing::Old)?;
    let mut case = Case::new("with a key and words between", &[]);
    let private = std::fs::read_to_string(&key.file)?;
    let (first, second) = (certificate.pem(), other.pem());
    case.bundle = format!("{private}# ours\n{first}\nand another\n{second}{first}");
    Ok(vec![case.own(&key, &certificate)?.own(&other_key, &other)?])
}

/// Checklist row C-157.
#[tokio::test]
async fn a_certificate_in_the_bundle_counts_for_its_tokens_and_no_others() -> Result<()> {
    let folder = TempDir::new()?;
    let mut faults = Vec::new();
    for make in [selfmade, long, issued, chains, times, crowded] {
        for case in make(folder.path())? {
            case.judge(folder.path(), &mut faults).await?;
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// A bundle that would trust nobody, or a key that no token can name, is no bundle.
#[tokio::test]
async fn a_bundle_without_a_usable_certificate_stops_the_start() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path();
    let (_, good) = own(path, "good", Kind::P256, Standing::Authority)?;
    let (key, ed25519) = own(path, "ed25519", Kind::Ed25519, Standing::Authority)?;
    let cut = good.pem().replacen("MII", "MIJ", 1);
    for (what, bundle) in [
        ("nothing", String::new()),
        ("no certificate", std::fs::read_to_string(&key.file)?),
        ("a cut certificate", cut),
        ("an Ed25519 certificate", ed25519.pem().to_owned()),
        ("an Ed25519 certificate beside a good one", format!("{}{}", good.pem(), ed25519.pem())),
    ] {
        let file = write_config(path, &bundle)?;
        for whose in Whose::EACH {
            let data = TempDir::new()?;
            let mut process = spawn(*whose, &file, data.path(), free_port()?)?;
            let status = process.ended().await?;
            ensure!(!status.success(), "{whose:?} starts with {what}");
            ensure!(!process.log().is_empty(), "{whose:?} says nothing of {what}");
        }
    }
    Ok(())
}

/// Server spec 2.4: all four options are demanded, and each is text.
#[tokio::test]
async fn an_auth_section_that_lacks_something_stops_the_start() -> Result<()> {
    let folder = TempDir::new()?;
    let (_, good) = own(folder.path(), "good", Kind::P256, Standing::Authority)?;
    let file = write_config(folder.path(), good.pem())?;
    let whole: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    for option in ["realm", "service", "issuer", "rootcertbundle"] {
        for value in [None, Some(json!(7)), Some(json!(["x"])), Some(Value::Null)] {
            let mut config = whole.clone();
            let options = config["auth"]["options"].as_object_mut().into_iter();
            options.for_each(|options| {
                options.remove(option);
                options.extend(value.clone().map(|value| (option.to_owned(), value)));
            });
            std::fs::write(&file, config.to_string())?;
            for whose in Whose::EACH {
                let data = TempDir::new()?;
                let mut process = spawn(*whose, &file, data.path(), free_port()?)?;
                let status = process.ended().await?;
                ensure!(!status.success(), "{whose:?} starts with {option} {value:?}");
            }
        }
    }
    Ok(())
}
