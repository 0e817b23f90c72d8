//! What was learned: a row of weights a feature, as a small file.

use text::key::KeyMap;

use crate::features::Feature;
use crate::rank::Sense;
use crate::surface::Shape;
use crate::tag::Tag;

/// A row has room for every role; a whole number of vector registers.
pub const WIDTH: usize = 32;
/// Kinds of message.
pub const KINDS: usize = 3;
/// What is weighed for trust.
pub const SIGNS: usize = crate::trust::SIGNS;
/// Sorts of word that a change of role is judged by.
pub const SORTS: usize = 4;

/// A role's row of 8-bit weights with their factor.
#[derive(Debug, Clone)]
pub struct Row<const N: usize> {
    /// What 127 stands for, over 127.
    pub scale: f32,
    /// The weights.
    pub weights: [i8; N],
}

impl<const N: usize> Row<N> {
    /// Rounds a row.
    pub fn of(weights: &[f32; N]) -> Row<N> {
        let most = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        let scale = if most > 0.0 { most / 127.0 } else { 1.0 };
        Row { scale, weights: weights.map(|w| (w / scale).round() as i8) }
    }

    /// Adds it to scores.
    pub fn add_to(&self, scores: &mut [f32; N]) {
        for (score, weight) in scores.iter_mut().zip(self.weights) {
            *score += self.scale * f32::from(weight);
        }
    }
}

/// All that was learned.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// Hash of the data that they were made from.
    pub data: String,
    /// Weights of the roles, by feature.
    pub roles: KeyMap<Row<WIDTH>>,
    /// Weights of a role behind another one, by the sort of the word.
    pub changes: Vec<f32>,
    /// Weights of what makes sense as an order.
    pub sense: Sense,
    /// Weights of the kinds, by feature.
    pub kinds: KeyMap<Row<KINDS>>,
    /// Weights of the signs of a reading that can be trusted.
    pub trust: Vec<f32>,
    /// What an order must reach that needs no person.
    pub gate: Gate,
}

/// From where on an order needs no person.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Gate {
    /// How likely its lines are right, from 0 to 1.
    pub trust: f32,
    /// Logarithm of the odds that it is an order at all.
    pub kind: f32,
}

impl Gate {
    /// Whether an order passes.
    pub fn lets_through(self, trust: f32, kind_odds: f32) -> bool {
        trust >= self.trust && kind_odds >= self.kind
    }
}

/// A file of weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Another format, or not whole.
    #[error("the weights of the reader end at byte {0}, or are none: make them with `cargo xtask train`")]
    Cut(usize),
}

const MAGIC: &[u8; 8] = b"gbread01";

/// The sort of a word, for changes of roles.
pub fn sort(shape: Shape) -> usize {
    match shape {
        shape if shape.is_mark() => 0,
        Shape::Digits | Shape::OddNumber | Shape::NumberWord => 1,
        shape if shape.is_food() => 2,
        _ => 3,
    }
}

/// Where the weight of `to` behind `from` lies.
pub fn change(sort: usize, from: Tag, to: Tag) -> usize {
    (sort * WIDTH + from.index()) * WIDTH + to.index()
}

impl Weights {
    /// No weights: nothing is trusted.
    pub fn none() -> Weights {
        Weights { gate: Gate { trust: 2.0, kind: 0.0 }, ..Weights::default() }
    }

    /// The weights of a feature's roles.
    pub fn role(&self, feature: Feature) -> Option<&Row<WIDTH>> {
        self.roles.get(&u64::from(feature))
    }

    /// The weights of a feature's kinds.
    pub fn kind(&self, feature: Feature) -> Option<&Row<KINDS>> {
        self.kinds.get(&u64::from(feature))
    }

    /// As a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let put = |out: &mut Vec<u8>, value: u32| out.extend(value.to_le_bytes());
        put(&mut out, self.data.len() as u32);
        out.extend(self.data.as_bytes());
        for value in self.trust.iter().chain(&self.sense.points).chain([&self.gate.trust, &self.gate.kind]) {
            out.extend(value.to_le_bytes());
        }
        put(&mut out, self.changes.len() as u32);
        self.changes.iter().for_each(|value| out.extend(value.to_le_bytes()));
        put_rows(&mut out, &self.roles);
        put_rows(&mut out, &self.kinds);
        put_patterns(&mut out, &self.sense.patterns);
        out
    }

    /// From a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Weights, WeightsError> {
        let mut file = File { bytes, at: 0 };
        if file.take(MAGIC.len())? != MAGIC {
            return Err(WeightsError::Cut(0));
        }
        let length = file.number()? as usize;
        let data = String::from_utf8_lossy(file.take(length)?).into_owned();
        let trust = (0..SIGNS).map(|_| file.float()).collect::<Result<Vec<_>, _>>()?;
        let points = (0..crate::rank::POINTS).map(|_| file.float()).collect::<Result<Vec<_>, _>>()?;
        let gate = Gate { trust: file.float()?, kind: file.float()? };
        let count = file.number()? as usize;
        let changes = (0..count).map(|_| file.float()).collect::<Result<Vec<_>, _>>()?;
        let (roles, kinds) = (file.rows()?, file.rows()?);
        let sense = Sense { points, patterns: file.patterns()? };
        Ok(Weights { data, roles, changes, sense, kinds, trust, gate })
    }
}

fn put_rows<const N: usize>(out: &mut Vec<u8>, rows: &KeyMap<Row<N>>) {
    let mut keys: Vec<u64> = rows.keys().copied().collect();
    keys.sort_unstable();
    out.extend((keys.len() as u32).to_le_bytes());
    for key in keys {
        let row = &rows[&key];
        out.extend((key as u32).to_le_bytes());
        out.extend(row.scale.to_le_bytes());
        out.extend(row.weights.map(|w| w as u8));
    }
}

fn put_patterns(out: &mut Vec<u8>, patterns: &KeyMap<f32>) {
    let mut patterns: Vec<_> = patterns.iter().collect();
    patterns.sort_by_key(|(pattern, _)| **pattern);
    out.extend((patterns.len() as u32).to_le_bytes());
    for (pattern, weight) in patterns {
        out.extend((*pattern as u32).to_le_bytes());
        out.extend(weight.to_le_bytes());
    }
}

struct File<'f> {
    bytes: &'f [u8],
    at: usize,
}

impl<'f> File<'f> {
    fn take(&mut self, count: usize) -> Result<&'f [u8], WeightsError> {
        let found = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        self.at += count;
        found.ok_or(WeightsError::Cut(self.bytes.len()))
    }

    fn four(&mut self) -> Result<[u8; 4], WeightsError> {
        let four = self.take(4)?;
        Ok([four[0], four[1], four[2], four[3]])
    }

    fn number(&mut self) -> Result<u32, WeightsError> {
        Ok(u32::from_le_bytes(self.four()?))
    }

    fn float(&mut self) -> Result<f32, WeightsError> {
        Ok(f32::from_le_bytes(self.four()?))
    }

    fn patterns(&mut self) -> Result<KeyMap<f32>, WeightsError> {
        let count = self.number()?;
        (0..count).map(|_| Ok((u64::from(self.number()?), self.float()?))).collect()
    }

    fn rows<const N: usize>(&mut self) -> Result<KeyMap<Row<N>>, WeightsError> {
        let count = self.number()? as usize;
        let mut rows = KeyMap::default();
        for _ in 0..count {
            let key = u64::from(self.number()?);
            let scale = self.float()?;
            let mut weights = [0_i8; N];
            for (weight, byte) in weights.iter_mut().zip(self.take(N)?) {
                *weight = *byte as i8;
            }
            rows.insert(key, Row { scale, weights });
        }
        Ok(rows)
    }
}
