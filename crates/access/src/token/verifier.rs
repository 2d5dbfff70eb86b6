//! The verdict on a token, in the order of the specification.
//!
//! Source: server spec 2.4.

use chrono::{DateTime, Utc};

use super::algorithm::Algorithm;
use super::chain::Chain;
use super::claims::{Audience, Claims};
use super::fault::{Shown, TokenFault};
use super::jwk::Jwk;
use super::jws::CompactJws;
use super::members::{Members, Value};
use super::trusted_keys::{Completeness, SigningKey, TrustedKeys};
use super::verified::{Phase, Times, VerifiedToken};

const KNOWN: [&str; 6] = ["alg", "crit", "jwk", "kid", "typ", "x5c"];

/// Whose tokens count, and for whom they must be.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// What `iss` must be, exactly.
    pub name: String,
    /// What `aud` must be.
    pub audiences: Audiences,
    /// Whose signatures count.
    pub keys: TrustedKeys,
}

/// Whom tokens must be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audiences {
    /// For exactly this service, as one text: a token with a list is refused, as Notary does.
    Notary(String),
    /// For one of these; a token may be for several.
    AnyOf(Vec<String>),
}

/// Judges tokens of one or several issuers.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    issuers: Vec<Issuer>,
}

impl Verifier {
    /// Of two issuers of one name the first counts.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self { issuers }
    }

    /// The token, if it counts at `now`.
    ///
    /// # Errors
    /// [`TokenFault`] with the first reason why it does not.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<VerifiedToken, TokenFault> {
        let jws = CompactJws::parse(token)?;
        let header = Members::of(&jws.header, &KNOWN).map_err(TokenFault::Header)?;
        let claims = Claims::of(&jws.claims).map_err(TokenFault::Claims)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == claims.issuer);
        let issuer = issuer.ok_or_else(|| TokenFault::Issuer(Shown::new(claims.issuer)))?;
        issuer.audiences.include(&claims.audience)?;
        let times = Times { not_before: claims.not_before, expires: claims.expires };
        match times.phase_at(now) {
            Phase::Within => {}
            Phase::Late => return Err(TokenFault::Expired(times.expires)),
            Phase::Early => return Err(TokenFault::Early(times.not_before)),
        }
        issuer.check_signature(&jws, &header, now)?;
        Ok(VerifiedToken {
            issuer: issuer.name.clone(),
            subject: Some(claims.subject.to_owned()).filter(|subject| !subject.is_empty()),
            times,
            access: claims.access,
        })
    }
}

impl Audiences {
    fn include(&self, audience: &Audience<'_>) -> Result<(), TokenFault> {
        let included = match (self, audience) {
            (Self::Notary(service), Audience::One(one)) => service == one,
            (Self::Notary(_), Audience::List(_)) => false,
            (Self::AnyOf(all), Audience::One(one)) => all.iter().any(|known| known == one),
            (Self::AnyOf(all), Audience::List(list)) => {
                all.iter().any(|known| list.contains(&known.as_str()))
            }
        };
        if included {
            return Ok(());
        }
        Err(TokenFault::Audience(match audience {
            Audience::One(one) => Shown::new(one),
            Audience::List(list) => Shown::new(&list.join(" ")),
        }))
    }
}

impl Issuer {
    fn check_signature(
        &self,
        jws: &CompactJws<'_>,
        header: &Members<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenFault> {
        header.text("typ").map_err(TokenFault::Header)?;
        let name = header.text("alg").map_err(TokenFault::Header)?.unwrap_or_default();
        if header.has("crit") {
            return Err(TokenFault::Critical);
        }
        if jws.signature().is_empty() {
            return Err(TokenFault::Unsigned);
        }
        let algorithm =
            Algorithm::parse(name).ok_or_else(|| TokenFault::Algorithm(Shown::new(name)))?;
        let keys = self.keys_for(header, now)?;
        if keys.iter().any(|key| !self.keys.takes(&key.key)) {
            return Err(TokenFault::Ed25519);
        }
        let signed =
            |key: &SigningKey| key.verifies(algorithm, jws.signed_bytes(), jws.signature());
        if keys.iter().any(signed) { Ok(()) } else { Err(TokenFault::Signature) }
    }

    /// The keys of which one must have signed: by the first of `x5c`, `jwk` and `kid` that is
    /// there. One that is there and bad never leads to the next.
    fn keys_for(
        &self,
        header: &Members<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<SigningKey>, TokenFault> {
        let chain = header.texts("x5c").map_err(TokenFault::Header)?.unwrap_or_default();
        let kid = header.text("kid").map_err(TokenFault::Header)?;
        if !chain.is_empty() {
            return self.by_chain(&chain, now);
        }
        if let Some(jwk) = header.get("jwk") {
            return self.by_jwk(jwk, now);
        }
        let kid = kid.ok_or(TokenFault::NoKey)?;
        match self.keys.by_name(kid) {
            [] => Err(self.unknown(kid)),
            found => Ok(found.to_vec()),
        }
    }

    fn by_chain(&self, x5c: &[&str], now: DateTime<Utc>) -> Result<Vec<SigningKey>, TokenFault> {
        let chain = Chain::read(x5c)?;
        if self.keys.trusts_without_chain(&chain.key) {
            return Ok(self.keys.by_content(&chain.key).to_vec());
        }
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        match chain.verify(self.keys.bundle(), seconds) {
            Ok(()) => Ok(vec![SigningKey::plain(chain.key)]),
            // The key may be one that is in no key set yet.
            Err(_) if self.keys.may_lack(&chain.key) => {
                Err(self.unknown(chain.key.key_id().as_str()))
            }
            Err(cause) => Err(cause.into()),
        }
    }

    fn by_jwk(&self, jwk: &Value, now: DateTime<Utc>) -> Result<Vec<SigningKey>, TokenFault> {
        let jwk = Jwk::of(jwk)?;
        let id = jwk.key.key_id();
        if jwk.kid.is_some_and(|kid| kid != id.as_str()) {
            return Err(TokenFault::JwkName);
        }
        if jwk.has_private_half && jwk.key.is_rsa() {
            return Err(TokenFault::PrivateJwk);
        }
        if let Some(x5c) = jwk.certificates {
            let texts: Vec<&str> = x5c.iter().map(String::as_str).collect();
            let keys = self.by_chain(&texts, now)?;
            let same = keys.iter().all(|key| key.key == jwk.key);
            return if same { Ok(keys) } else { Err(TokenFault::JwkChain) };
        }
        match self.keys.by_content(&jwk.key) {
            [] => Err(self.unknown(id.as_str())),
            found => Ok(found.to_vec()),
        }
    }

    fn unknown(&self, key: &str) -> TokenFault {
        let (issuer, key) = (self.name.clone(), Shown::new(key));
        match self.keys.completeness() {
            Completeness::Complete => TokenFault::UnknownKey { issuer, key },
            Completeness::Lacking => TokenFault::KeysLacking { issuer, key },
        }
    }
}

#[cfg(test)]
mod tests;
