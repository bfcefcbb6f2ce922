//! Signatures of outgoing messages: Standard Webhooks and DingTalk robots.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The length of the seed in an Ed25519 secret; the public key of the same length follows it.
const ED25519_HALF: usize = 32;

/// A secret of a webhook that cannot be used. Never shows the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSecret {
    /// What follows the mark is no base64.
    #[error("the secret of this channel is not base64 after its mark; copy it again from the receiver")]
    NotBase64,
    /// Not a seed and its public key.
    #[error("the secret of this channel is not an Ed25519 seed with its public key; copy it again")]
    NotEd25519,
}

/// The key of a webhook.
pub(super) enum WebhookKey {
    /// `v1`
    Hmac(Box<hmac::Key>),
    /// `v1a`
    Ed25519(Box<Ed25519KeyPair>),
}

impl WebhookKey {
    /// Reads `whsec_…` (base64), `whsk_…` (base64 of seed and public key), or any other text as it is.
    pub(super) fn read(secret: &str) -> Result<Self, BadSecret> {
        if let Some(text) = secret.strip_prefix("whsk_") {
            let bytes = STANDARD.decode(text).map_err(|_| BadSecret::NotBase64)?;
            let (seed, public) = bytes.split_at_checked(ED25519_HALF).ok_or(BadSecret::NotEd25519)?;
            let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| BadSecret::NotEd25519)?;
            return Ok(Self::Ed25519(Box::new(pair)));
        }
        let bytes = match secret.strip_prefix("whsec_") {
            Some(text) => STANDARD.decode(text).map_err(|_| BadSecret::NotBase64)?,
            None => secret.as_bytes().to_vec(),
        };
        Ok(Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut content = format!("{id}.{unix_seconds}.").into_bytes();
        content.extend_from_slice(body);
        match self {
            Self::Hmac(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, &content))),
            Self::Ed25519(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(&content))),
        }
    }
}

/// The value of `sign` for a DingTalk robot, before it is URL-encoded: the secret is the key, the message
/// holds it again.
pub(super) fn dingtalk(unix_millis: i64, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{unix_millis}\n{secret}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"type":"incident.triggered","timestamp":"2026-01-01T00:00:00Z","data":{"id":"inc_42","severity":"critical"}}"#;

    fn signed(secret: &str, id: &str, at: i64, body: &str) -> String {
        WebhookKey::read(secret).expect("a secret of the contract").sign(id, at, body.as_bytes())
    }

    #[test]
    fn webhook_vectors_of_the_contract() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(
            signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let id = "msg_01J9ZK7Q3V5W8Y2B4D6F8H0K2M";
        assert_eq!(signed(secret, id, 1_767_225_600, EVENT), "v1,hBq7RUj0rvgbwi6F2uOOje8XWihO/i8Iy2Z6L7WSbLo=");
        let ed25519 = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";
        assert_eq!(
            signed(ed25519, id, 1_767_225_600, EVENT),
            "v1a,gbOUr66/cIRd14I2RkGLgOGmxESOCOOLfTbqav3+Kf45IogU5vz836r6c5k4+JP1XaHSvPOHnHgjfVL41WOOAQ=="
        );
    }

    #[test]
    fn a_secret_without_a_mark_is_taken_as_it_is() {
        // `cGxhaW4=` is `plain` in base64.
        assert_eq!(signed("plain", "a", 1, "b"), signed("whsec_cGxhaW4=", "a", 1, "b"));
        assert_eq!(WebhookKey::read("whsec_%%%").err(), Some(BadSecret::NotBase64));
        assert_eq!(WebhookKey::read("whsk_AAEC").err(), Some(BadSecret::NotEd25519));
    }

    #[test]
    fn dingtalk_vector_of_the_contract() {
        let secret = "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        assert_eq!(dingtalk(1_700_000_000_000, secret), "bTgY2yDbep+wesS7jKiNj+srsHoADES4+C4f8LCHFtU=");
    }
}
