//! The check of a client's certificate in a handshake.
//!
//! Never in here: files. The chain is judged by rustls; added is what Notary allows and rustls does
//! not: a certificate that is itself in the file counts for itself, also if it is an authority.
//! Source: server spec 7.2; observed with a Go server.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use chrono::{DateTime, Utc};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage};

use super::TlsError;
use super::clients::Presence;
use super::revocation::{RevocationLists, Standing};
use super::validity::{Stage, Validity};

/// The purposes in RFC 5280, 4.2.1.12, that fit a client.
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Lets through who shows one of the given certificates, or one that an authority among them
/// issued.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    given: Vec<Given>,
    issued: Option<Arc<dyn ClientCertVerifier>>,
    unlisted: Vec<String>,
    hints: Vec<DistinguishedName>,
    presence: Presence,
    provider: Arc<CryptoProvider>,
}

/// A certificate of the file, and what the revocation lists say of it.
#[derive(Debug)]
struct Given {
    der: CertificateDer<'static>,
    standing: Standing,
}

impl ClientVerifier {
    /// For the certificates of one file, with the lists of those that are revoked.
    ///
    /// # Errors
    /// [`TlsError::Issue`] when rustls does not take the authorities among them, or the lists.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        lists: Option<&RevocationLists>,
        presence: Presence,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (mut all, mut authorities) = (RootCertStore::empty(), RootCertStore::empty());
        let (mut given, mut unlisted) = (Vec::new(), Vec::new());
        for der in certificates {
            all.add(der.clone()).map_err(refused)?;
            let parsed = Certificate::from_der(&der).map_err(refused)?;
            // rustls would let every anchor issue, whatever it says of itself.
            if is_authority(&parsed) {
                authorities.add(der.clone()).map_err(refused)?;
                if lists.is_some_and(|lists| !lists.has_one_by(&parsed)) {
                    unlisted.push(parsed.tbs_certificate().subject().to_string());
                }
            }
            let standing = lists.map_or(Standing::Unlisted, |lists| lists.standing(&parsed));
            given.push(Given { der, standing });
        }
        let issued = issued_verifier(authorities, lists, &provider)?;
        Ok(Self { given, issued, unlisted, hints: all.subjects(), presence, provider })
    }

    /// The authorities that have no revocation list where lists are asked for, so that their
    /// clients are refused.
    pub(super) fn unlisted(&self) -> &[String] {
        &self.unlisted
    }
}

/// Judges what `authorities` issued; `None` when there are none.
fn issued_verifier(
    authorities: RootCertStore,
    lists: Option<&RevocationLists>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if authorities.is_empty() {
        return Ok(None);
    }
    let provider = Arc::clone(provider);
    let mut builder = WebPkiClientVerifier::builder_with_provider(authorities.into(), provider);
    if let Some(lists) = lists {
        // Whoever has no list, or one that has ended, is refused.
        builder = builder.with_crls(lists.ders()).enforce_revocation_expiration();
    }
    builder.build().map(Some).map_err(refused)
}

fn refused(error: impl ToString) -> TlsError {
    TlsError::Issue { reason: error.to_string() }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.presence == Presence::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(given) = self.given.iter().find(|given| given.der == *end_entity) {
            return verify_given(given, now);
        }
        match &self.issued {
            Some(issued) => issued.verify_client_cert(end_entity, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that is in the file needs no issuer, and no list by its issuer; but dates, purpose
/// and such a list count as for any.
fn verify_given(given: &Given, now: UnixTime) -> Result<ClientCertVerified, rustls::Error> {
    let parsed = Certificate::from_der(&given.der).map_err(|_| CertificateError::BadEncoding)?;
    let now = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(now.as_secs()));
    let now: DateTime<Utc> = now.ok_or(CertificateError::Expired)?.into();
    match Validity::of(&parsed).stage(now) {
        Stage::Fresh | Stage::LastThird => {}
        Stage::NotYet => return Err(CertificateError::NotValidYet.into()),
        Stage::Over => return Err(CertificateError::Expired.into()),
    }
    given.standing.judge(now)?;
    let usage = parsed
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>()
        .map_err(|_| CertificateError::BadEncoding)?;
    let fits = |usages: &ExtendedKeyUsage| {
        usages.0.iter().any(|usage| [CLIENT_AUTH, ANY_PURPOSE].contains(usage))
    };
    match usage {
        Some((_, usages)) if !fits(&usages) => Err(CertificateError::InvalidPurpose.into()),
        _ => Ok(ClientCertVerified::assertion()),
    }
}

fn is_authority(certificate: &Certificate) -> bool {
    let constraints = certificate.tbs_certificate().get_extension::<BasicConstraints>();
    matches!(constraints, Ok(Some((_, constraints))) if constraints.ca)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rcgen::{
        BasicConstraints as Constraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose,
    };

    use super::*;
    use crate::testing::now;
    use crate::tls::issue::set_validity;

    /// A certificate of two days, today and tomorrow, with the key that it is for.
    struct Made {
        params: CertificateParams,
        key: KeyPair,
    }

    impl Made {
        fn new(is_ca: IsCa, usages: &[ExtendedKeyUsagePurpose]) -> Self {
            let mut params = CertificateParams::new(["client".to_owned()]).unwrap();
            let day = TimeDelta::days(1);
            set_validity(&mut params, now() - day, now() + day);
            params.is_ca = is_ca;
            params.key_usages =
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
            params.extended_key_usages = usages.to_vec();
            Self { params, key: KeyPair::generate().unwrap() }
        }

        fn authority() -> Self {
            Self::new(IsCa::Ca(Constraints::Unconstrained), &[])
        }

        fn leaf() -> Self {
            Self::new(IsCa::ExplicitNoCa, &[ExtendedKeyUsagePurpose::ClientAuth])
        }

        fn signed_by_itself(&self) -> CertificateDer<'static> {
            self.params.self_signed(&self.key).unwrap().der().clone()
        }

        fn signed_by(&self, issuer: &Self) -> CertificateDer<'static> {
            let issuer = Issuer::from_params(&issuer.params, &issuer.key);
            self.params.signed_by(&self.key, &issuer).unwrap().der().clone()
        }
    }

    /// Whether a file with `given` lets `shown` through, in `days` from now.
    fn lets_through(
        given: &CertificateDer<'static>,
        shown: &CertificateDer<'_>,
        days: i64,
    ) -> bool {
        let required = Presence::Required;
        let verifier = ClientVerifier::new(vec![given.clone()], None, required).unwrap();
        assert!(verifier.client_auth_mandatory());
        let at = u64::try_from((now() + TimeDelta::days(days)).timestamp()).unwrap();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
        verifier.verify_client_cert(shown, &[], at).is_ok()
    }

    #[test]
    fn what_an_authority_in_the_file_issued_is_let_through_and_nothing_else() {
        let authority = Made::authority();
        let (given, leaf) = (authority.signed_by_itself(), Made::leaf());
        assert!(lets_through(&given, &leaf.signed_by(&authority), 0));
        assert!(!lets_through(&given, &leaf.signed_by(&authority), 2));
        assert!(!lets_through(&given, &leaf.signed_by(&Made::authority()), 0));
        assert!(!lets_through(&given, &leaf.signed_by_itself(), 0));
    }

    #[test]
    fn a_certificate_in_the_file_counts_for_itself_within_its_dates() {
        let issuer = Made::authority();
        let leaf = Made::leaf();
        for given in [issuer.signed_by_itself(), leaf.signed_by_itself(), leaf.signed_by(&issuer)] {
            assert!(lets_through(&given, &given, 0));
            assert!(!lets_through(&given, &given, 2));
            assert!(!lets_through(&given, &given, -2));
        }
    }

    #[test]
    fn a_certificate_in_the_file_that_is_for_servers_only_is_refused() {
        let server = Made::new(IsCa::ExplicitNoCa, &[ExtendedKeyUsagePurpose::ServerAuth]);
        let given = server.signed_by_itself();
        assert!(!lets_through(&given, &given, 0));
        let any = Made::new(IsCa::NoCa, &[ExtendedKeyUsagePurpose::Any]).signed_by_itself();
        assert!(lets_through(&any, &any, 0));
    }

    /// A client that the file names could else let others in.
    #[test]
    fn what_a_certificate_in_the_file_that_is_no_authority_issued_is_refused() {
        for is_ca in [IsCa::ExplicitNoCa, IsCa::NoCa] {
            let client = Made::new(is_ca, &[ExtendedKeyUsagePurpose::ClientAuth]);
            let issued = Made::leaf().signed_by(&client);
            assert!(!lets_through(&client.signed_by_itself(), &issued, 0));
        }
    }
}
