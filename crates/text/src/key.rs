//! Hashes of words and phrases, and maps by them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hash of a word or phrase.
pub type Key = u64;

/// The key of nothing, to start a phrase with.
pub const EMPTY: Key = 0xcbf2_9ce4_8422_2325;

/// The key of what `key` stands for, followed by `text`.
pub fn extend(key: Key, text: &str) -> Key {
    text.bytes().fold(key, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The key of a text.
pub fn of(text: &str) -> Key {
    extend(EMPTY, text)
}

/// A map by keys. They are hashes already, so nothing is hashed again.
pub type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// Passes a key through.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
