//! The key of the HTTP door.

use runtime::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The key that a client has to show.
///
/// Only its digest is kept, and digests are compared: equal in length whatever was sent, so that
/// the time that a comparison takes says neither how long the key is nor how much of it was right.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of the settings; `None` where there is none.
    pub fn from_setting(key: &Secret) -> Option<Key> {
        let key = key.expose().trim();
        (!key.is_empty()).then(|| Key(Sha256::digest(key).into()))
    }

    /// Whether this is what was sent.
    pub fn is(&self, sent: &[u8]) -> bool {
        self.0.as_slice().ct_eq(&Sha256::digest(sent)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_opens() {
        let key = Key::from_setting(&" correct horse \n".into()).unwrap();
        assert!(key.is(b"correct horse"));
        for sent in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!key.is(sent.as_bytes()), "{sent}");
        }
        assert!(Key::from_setting(&"  ".into()).is_none());
    }
}
