//! What nothing can be cheaper than: one bare signature, and one bare look at whether it is good.

use std::time::Duration;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

use crate::place::{Place, own_processor_time};

/// A key of P-256 in memory, loaded once.
pub(crate) struct Floor {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Floor {
    pub(crate) fn new() -> Result<Self> {
        let random = SystemRandom::new();
        let sealed = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| anyhow!("no key can be made"))?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, sealed.as_ref(), &random)
                .map_err(|error| anyhow!("a new key does not load: {error}"))?;
        Ok(Self { pair, random })
    }
}

#[async_trait]
impl Place for Floor {
    fn name(&self) -> &'static str {
        "a bare signature and a bare verification"
    }

    async fn sign(&self, _: usize, message: &[u8]) -> Result<()> {
        let signature = self.pair.sign(&self.random, message);
        let signature = signature.map_err(|_| anyhow!("no signature"))?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key())
            .verify(message, signature.as_ref())
            .map_err(|_| anyhow!("a bad signature"))
    }

    fn spent(&self) -> Result<Duration> {
        own_processor_time()
    }
}
