//! How far two words are apart, up to a bound.

/// Longest word that is worth correcting.
const MAX_LETTERS: usize = 24;

/// Insertions, deletions, replacements and swaps of neighbours between two words, if they are at most `bound`.
pub fn distance(a: &str, b: &str, bound: usize) -> Option<usize> {
    let (mut x, mut y) = (['\0'; MAX_LETTERS], ['\0'; MAX_LETTERS]);
    let n = letters(a, &mut x)?;
    let m = letters(b, &mut y)?;
    if n.abs_diff(m) > bound {
        return None;
    }
    let mut rows = [[0usize; MAX_LETTERS + 1]; 3];
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=n {
        let (current, last, before) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        rows[current][0] = i;
        let mut least = i;
        for j in 1..=m {
            let same = usize::from(x[i - 1] != y[j - 1]);
            let mut cell = (rows[last][j] + 1).min(rows[current][j - 1] + 1).min(rows[last][j - 1] + same);
            if i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] {
                cell = cell.min(rows[before][j - 2] + 1);
            }
            rows[current][j] = cell;
            least = least.min(cell);
        }
        if least > bound {
            return None;
        }
    }
    let found = rows[n % 3][m];
    (found <= bound).then_some(found)
}

fn letters(word: &str, into: &mut [char; MAX_LETTERS]) -> Option<usize> {
    let mut n = 0;
    for c in word.chars() {
        *into.get_mut(n)? = c;
        n += 1;
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_counted_up_to_the_bound() {
        assert_eq!(distance("hamburger", "hambuger", 2), Some(1));
        assert_eq!(distance("onion", "onoin", 2), Some(1));
        assert_eq!(distance("soup", "soup", 0), Some(0));
        assert_eq!(distance("cheese", "chicken", 2), None);
        assert_eq!(distance("", "ab", 2), Some(2));
        assert_eq!(distance(&"a".repeat(40), &"a".repeat(40), 2), None);
    }
}
