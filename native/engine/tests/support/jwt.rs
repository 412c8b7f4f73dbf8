//! Tokens as sqld takes them: JSON Web Tokens, signed with Ed25519.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

#[derive(Debug)]
pub struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub fn new() -> Issuer {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Issuer(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    /// The public key, as sqld reads it from a file.
    pub fn public_key(&self) -> String {
        BASE64.encode(self.0.public_key())
    }

    /// A token for `rw` or `ro`, good for so many seconds from now.
    pub fn token(&self, access: &str, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expiry = i64::try_from(now.as_secs()).unwrap() + seconds;
        let signed = format!(
            "{}.{}",
            BASE64.encode(r#"{"alg":"EdDSA","typ":"JWT"}"#),
            BASE64.encode(format!(r#"{{"a":"{access}","exp":{expiry}}}"#))
        );
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature))
    }
}
