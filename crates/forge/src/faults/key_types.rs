//! Keys of every type and curve, methods that fit them or not, and bundles of certificates.
//!
//! Most of these are no faults in Notary's eyes.

use super::Target::{Root, Targets};
use super::{Fault, fault};
use crate::certificate::{CertificateShape, Standing};
use crate::curve::Curve;
use crate::key::Key;
use crate::repository::Repository;

pub(super) const FAULTS: &[Fault] = &[
    fault("targets-key-p224", Root, |r, _| targets(r, |r| on(r, Curve::P224))),
    fault("targets-key-p384", Root, |r, _| targets(r, |r| on(r, Curve::P384))),
    fault("targets-key-p521", Root, |r, _| targets(r, |r| on(r, Curve::P521))),
    fault("targets-key-p384-in-certificate", Root, |r, _| targets(r, p384_certificate)),
    fault("targets-key-p256-in-certificate", Root, |r, _| targets(r, Repository::new_root_key)),
    fault("targets-key-rsa-in-certificate", Root, |r, _| targets(r, rsa_certificate)),
    fault("targets-key-rsa-signing-pkcs1v15", Root, |r, _| {
        targets(r, |_| Key::rsa().signing_as("rsapkcs1v15"));
    }),
    fault("targets-key-rsa-certificate-signing-pkcs1v15", Root, |r, _| {
        targets(r, |r| rsa_certificate(r).signing_as("rsapkcs1v15"));
    }),
    fault("targets-key-rsa-in-pem", Root, |r, _| targets(r, |_| rsa_in_pem())),
    fault("targets-key-rsa-in-pem-signing-pycrypto", Root, |r, _| {
        targets(r, |_| rsa_in_pem().signing_as(PYCRYPTO));
    }),
    fault("targets-key-rsa-signing-pycrypto", Root, |r, _| {
        targets(r, |_| Key::rsa().signing_as(PYCRYPTO));
    }),
    fault("targets-key-rsa-certificate-signing-pycrypto", Root, |r, _| {
        targets(r, |r| rsa_certificate(r).signing_as(PYCRYPTO));
    }),
    fault("targets-key-ecdsa-signing-pycrypto", Root, |r, _| {
        targets(r, |r| r.new_ecdsa_key().signing_as(PYCRYPTO));
    }),
    fault("targets-key-ed25519-signing-ecdsa", Root, |r, _| {
        targets(r, |r| r.new_ed25519_key().signing_as("ecdsa"));
    }),
    fault("targets-key-p384-signing-rsapss", Root, |r, _| {
        targets(r, |r| on(r, Curve::P384).signing_as("rsapss"));
    }),
    fault("certificate-p384", Root, |r, _| root(r, p384_certificate)),
    fault("certificate-rsa-signing-pkcs1v15", Root, |r, _| {
        root(r, |r| rsa_certificate(r).signing_as("rsapkcs1v15"));
    }),
    fault("certificate-rsa-with-two-authorities-behind", Root, |r, _| {
        root(r, |r| with_authorities_behind(r, rsa_certificate));
    }),
    fault("certificate-p384-with-two-authorities-behind", Root, |r, _| {
        root(r, |r| with_authorities_behind(r, p384_certificate));
    }),
    fault("root-key-p521-without-certificate", Root, |r, _| root(r, |r| on(r, Curve::P521))),
    fault("delegation-key-p224", Targets, |r, _| delegation(r, |r| on(r, Curve::P224))),
    fault("delegation-key-p384", Targets, |r, _| delegation(r, |r| on(r, Curve::P384))),
    fault("delegation-key-p521", Targets, |r, _| delegation(r, |r| on(r, Curve::P521))),
    fault("delegation-certificate-p384", Targets, |r, _| delegation(r, p384_certificate)),
    fault("delegation-certificate-with-two-authorities-behind", Targets, |r, _| {
        delegation(r, |r| with_authorities_behind(r, Repository::new_root_key));
    }),
    fault("delegation-key-rsa-in-pem-signing-pycrypto", Targets, |r, _| {
        delegation(r, |_| rsa_in_pem().signing_as(PYCRYPTO));
    }),
];

const PYCRYPTO: &str = "pycrypto-pkcs#1 pss";

type Make = fn(&mut Repository) -> Key;

fn on(repository: &mut Repository, curve: Curve) -> Key {
    Key::ecdsa_on(curve, repository.random())
}

fn shape(repository: &Repository) -> CertificateShape {
    CertificateShape::of_client(repository.gun(), repository.now())
}

fn p384_certificate(repository: &mut Repository) -> Key {
    let shape = shape(repository);
    on(repository, Curve::P384).with_certificate(&shape)
}

fn rsa_certificate(repository: &mut Repository) -> Key {
    Key::rsa_certificate(&shape(repository))
}

/// The RSA key as the PEM block `PUBLIC KEY`.
fn rsa_in_pem() -> Key {
    let key = Key::rsa();
    let layout = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let pem = pem::encode_config(&pem::Pem::new("PUBLIC KEY", key.public()), layout);
    key.listed_as("rsa", pem.into_bytes())
}

/// A certificate with two of authorities after it in the bundle.
fn with_authorities_behind(repository: &mut Repository, leaf: Make) -> Key {
    let leaf = leaf(repository);
    let mut bundle = leaf.public().to_vec();
    for name in ["intermediate", "authority"] {
        let mut shape = shape(repository);
        shape.standing = Standing::Authority;
        shape.common_name = name.to_owned();
        bundle.extend_from_slice(repository.new_certificate_key(&shape).public());
    }
    leaf.listed_as(leaf.key_type(), bundle)
}

fn targets(repository: &mut Repository, make: Make) {
    rotate(repository, "targets", make);
}

fn root(repository: &mut Repository, make: Make) {
    rotate(repository, "root", make);
}

fn rotate(repository: &mut Repository, role: &str, make: Make) {
    let key = make(repository);
    repository.rotate(role, key);
    super::root_keys::back(repository);
}

fn delegation(repository: &mut Repository, make: Make) {
    let key = make(repository);
    super::delegations::replace_key(repository, key);
}
