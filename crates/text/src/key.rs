//! Hashes of words and phrases, and maps by them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

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

/// A map by keys that grows no more: in a third of a [`KeyMap`]'s memory where few values are shared by many keys.
#[derive(Debug, Clone)]
pub struct Table<V> {
    /// In their order.
    keys: Box<[Key]>,
    /// Where in `values` the value of each key stands.
    places: Box<[u32]>,
    values: Vec<V>,
    /// Where in `keys` those begin that share their highest bits.
    begins: Box<[u32]>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { keys: [].into(), places: [].into(), values: Vec::new(), begins: [].into() }
    }
}

impl<V: Copy + Eq + Hash> Table<V> {
    /// Keys to a shelf, about.
    const SHELF: usize = 4;

    /// The same as the map.
    pub fn new(map: KeyMap<V>) -> Table<V> {
        let mut pairs: Vec<(Key, V)> = map.into_iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        let mut table = Table { keys: pairs.iter().map(|(key, _)| *key).collect(), ..Table::default() };
        let mut known: HashMap<V, u32> = HashMap::new();
        let place = |value: &V| {
            *known.entry(*value).or_insert_with(|| {
                table.values.push(*value);
                (table.values.len() - 1) as u32
            })
        };
        table.places = pairs.iter().map(|(_, value)| value).map(place).collect();
        let shelves = (table.keys.len() / Self::SHELF).next_power_of_two().max(2);
        let begin = |shelf| table.keys.partition_point(|key| Self::shelf(*key, shelves) < shelf) as u32;
        table.begins = (0..=shelves).map(begin).collect();
        table
    }

    /// What the key stands for.
    pub fn get(&self, key: Key) -> Option<V> {
        let shelves = self.begins.len().checked_sub(1)?;
        let shelf = Self::shelf(key, shelves);
        let (from, to) = (self.begins[shelf] as usize, self.begins[shelf + 1] as usize);
        let at = self.keys[from..to].iter().position(|known| *known == key)?;
        Some(self.values[self.places[from + at] as usize])
    }

    /// The shelf, of a power of two of them, on which a key stands.
    fn shelf(key: Key, shelves: usize) -> usize {
        (key >> (Key::BITS - shelves.ilog2())) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_map_that_it_was_made_of() {
        assert_eq!(Table::<u8>::default().get(of("a")), None);
        for many in [0, 1, 2, 3, 100, 5_000_usize] {
            let key = |n: usize| of(&format!("word {n}"));
            let map: KeyMap<usize> = (0..many).map(|n| (key(n), n % 7)).collect();
            let table = Table::new(map);
            for n in 0..many {
                assert_eq!(table.get(key(n)), Some(n % 7), "{n} of {many}");
                assert_eq!(table.get(key(n) ^ 1), None);
            }
            assert_eq!(table.get(0).or(table.get(Key::MAX)), None);
        }
    }
}
