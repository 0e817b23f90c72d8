//! Keys: how an item is called where only letters, digits and `_` will do.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest key that we make: Memcached takes 250 bytes, and a prefix may come before it.
pub const MAX_KEY_BYTES: usize = 200;

/// `The Green Garden Vegan Burger` becomes `the_green_garden_vegan_burger`.
///
/// Accents go, whatever is neither letter nor digit becomes one `_`. A name that is too long for a key is cut, and
/// gets the hash of the whole name at its end, so that two long names stay apart. Empty if the name has no letter or
/// digit at all.
pub fn slug(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for c in name.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            key.push(c);
        } else if !matches!(c, '\'' | '\u{2019}') && !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    while key.ends_with('_') {
        key.pop();
    }
    if key.len() > MAX_KEY_BYTES {
        let hash = format!("_{:016x}", fnv1a(key.as_bytes()));
        let mut end = MAX_KEY_BYTES - hash.len();
        while !key.is_char_boundary(end) {
            end -= 1;
        }
        key.truncate(end);
        key.push_str(&hash);
    }
    key
}

/// FNV-1a with 64 bits: stable over versions and machines, which the standard library's hashers don't promise.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_key_of_letters_digits_and_underscores() {
        for (name, key) in [
            ("The Green Garden Vegan Burger", "the_green_garden_vegan_burger"),
            ("Crème brûlée", "creme_brulee"),
            ("Mac & Cheese (large)", "mac_cheese_large"),
            ("Miss Vickie's", "miss_vickies"),
            ("  7 Up  ", "7_up"),
            ("寿司", "寿司"),
            ("***", ""),
        ] {
            assert_eq!(slug(name), key, "{name}");
        }
    }

    #[test]
    fn long_names_stay_apart_and_within_what_memcached_takes() {
        let (a, b) = (slug(&format!("{}a", "é".repeat(300))), slug(&format!("{}b", "é".repeat(300))));
        assert!(a.len() <= MAX_KEY_BYTES && b.len() <= MAX_KEY_BYTES);
        assert_ne!(a, b);
    }
}
