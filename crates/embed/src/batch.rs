//! Texts as the model takes them: one row of token ids, no padding.

/// Several texts, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    ids: Vec<u32>,
    /// Where each text begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { ids: Vec::new(), bounds: vec![0] }
    }
}

impl Batch {
    /// Adds a text; one without tokens is left out, and `false` comes back.
    pub fn push(&mut self, ids: &[u32]) -> bool {
        if ids.is_empty() {
            return false;
        }
        self.ids.extend_from_slice(ids);
        self.bounds.push(self.ids.len());
        true
    }

    /// The token ids of all texts.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Lengths summed up, from 0: one more than there are texts.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tokens in all.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The length of the longest text.
    pub fn longest(&self) -> usize {
        self.bounds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }
}

impl<T: AsRef<[u32]>> FromIterator<T> for Batch {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut batch = Batch::default();
        for ids in texts {
            batch.push(ids.as_ref());
        }
        batch
    }
}
