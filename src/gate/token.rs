//! Tokens: drawn once, shown once, kept as a hash.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The hash of a token, by which the store knows it. A token has 256 random bits, so that a plain hash
/// is enough and a lookup can use an index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(token hash)")
    }
}

impl TokenHash {
    /// Compares in constant time.
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// The hash of a token's text.
pub fn hash_token(token: &str) -> TokenHash {
    let hash = digest(&SHA256, token.as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(hash.as_ref());
    TokenHash(out)
}

/// A new token, `wb_` and 43 base64url characters; `None` where the system gives no randomness.
pub fn fresh_token(random: &dyn SecureRandom) -> Option<String> {
    let mut bytes = [0_u8; 32];
    random.fill(&mut bytes).ok()?;
    Some(format!("wb_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_their_hash_is_stable() {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let (a, b) = (fresh_token(&random).expect("random"), fresh_token(&random).expect("random"));
        assert!(a != b && a.starts_with("wb_") && a.len() == 46);
        assert!(hash_token(&a).is(&hash_token(&a)) && !hash_token(&a).is(&hash_token(&b)));
        // SHA-256 of `abc`, FIPS 180-2 appendix B.1: other programs can compute what the store holds.
        assert_eq!(hash_token("abc").0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(format!("{:?}", hash_token(&a)), "(token hash)");
    }
}
