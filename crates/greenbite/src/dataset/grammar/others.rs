//! Enquiries and everything else: phrases with slots.

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::voice::{Voice, after, clock, is_plural, several};
use super::{Grammar, Kind, MenuRow, OptionRow, Written};

impl Grammar<'_> {
    pub(super) fn enquiry(&self, rng: &mut StdRng, hour: u32) -> Result<Written> {
        let voice = Voice { one_per_line: false, ..Voice::draw(rng, hour) };
        if rng.random_bool(0.03) {
            let text = self.pick(rng, "enquiry foreign")?.to_owned();
            return Ok(Written::without_items(text, Kind::Enquiry));
        }
        let template = self.pick(rng, "enquiry")?;
        let lists = template.contains("{list}");
        let mut text = self.fill(rng, hour, template)?;
        let first = template.split(' ').next().unwrap_or_default().to_lowercase();
        let question_word = [
            "what", "what's", "how", "when", "where", "which", "who", "why", "is", "are", "do", "does",
            "did", "has", "until",
        ]
        .contains(&first.as_str());
        let mut bare = false;
        if text.ends_with('?') {
            if question_word && rng.random_bool(0.3) {
                text.pop();
                bare = true;
            } else if rng.random_bool(0.05) {
                text.push_str(if rng.random_bool(0.5) { "??" } else { "?!?" });
            }
        }
        if rng.random_bool(0.25) {
            text = after(&self.greeting(rng, hour)?, &text);
        }
        if !lists && !bare && rng.random_bool(0.12) {
            text.push_str([" Thanks!", " Thank you", " Thanks a lot!"].choose(rng).context("no thanks")?);
        }
        let mut text = voice.shape(&text, template.contains("{list}"));
        if bare || !voice.punctuation {
            text = text.trim_end_matches(['.', ',']).to_owned();
        }
        Ok(Written::without_items(text, Kind::Enquiry))
    }

    pub(super) fn miscellaneous(&self, rng: &mut StdRng, hour: u32) -> Result<Written> {
        let voice = Voice { one_per_line: false, ..Voice::draw(rng, hour) };
        if rng.random_bool(0.04) {
            let text = self.pick(rng, "misc foreign")?.to_owned();
            return Ok(Written::without_items(text, Kind::Miscellaneous));
        }
        let template = match self.pick(rng, "misc")? {
            "Good morning" if hour > 11 => "Good evening",
            "Good evening" if hour < 17 => "Good morning",
            other => other,
        };
        let mut text = self.fill(rng, hour, template)?;
        if template.split(' ').count() > 4 {
            if template.ends_with('.') && rng.random_bool(0.2) {
                text.pop();
                text.push('!');
            }
            let greets = ["hello", "hi", "hey", "good", "greetings", "guten"]
                .contains(&template.split(' ').next().unwrap_or_default().to_lowercase().as_str());
            if rng.random_bool(0.12) && !greets && !template.contains("://") {
                text = after(&self.greeting(rng, hour)?, &text);
            }
            let glad =
                ["hank", "love", "reat", "delicious", "enjoyed"].iter().any(|word| text.contains(word));
            if glad && rng.random_bool(0.2) {
                text = format!("{text} {}", self.pick(rng, "emoji")?);
            }
        }
        let verbatim = template.contains("://") || template.contains("--");
        let text = if verbatim { text } else { voice.shape(&text, true) };
        Ok(Written::without_items(text, Kind::Miscellaneous))
    }

    /// Puts what the message says in the place of `{slots}`.
    pub(super) fn fill(&self, rng: &mut StdRng, hour: u32, template: &str) -> Result<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) = after.split_once('}').context("a slot of the phrases is not closed")?;
            text.push_str(before);
            text.push_str(&self.slot(rng, hour, slot)?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn slot(&self, rng: &mut StdRng, hour: u32, slot: &str) -> Result<String> {
        Ok(match slot {
            "list" => {
                let voice =
                    Voice { one_per_line: false, sloppy: false, punctuation: true, ..Voice::draw(rng, hour) };
                let rich = rng.random_bool(0.2);
                let mut lines = self.lines(rng, 2, rich)?;
                for line in &mut lines {
                    line.quantity = line.quantity.min(6);
                }
                self.list(rng, voice, &lines, true)?
            }
            "item" => self.one_of(rng, |row| !is_plural(&row.name))?,
            "burger" => self.one_of(rng, |row| row.category == "Burgers")?,
            "dish" => self.one_of(rng, |row| {
                !is_plural(&row.name)
                    && ["Burgers", "Salads", "Soups", "Desserts"].contains(&row.category.as_str())
            })?,
            "drink" => self.one_of(rng, |row| row.category == "Drinks" && !row.name.ends_with("Water"))?,
            "topping" => {
                let fits = |o: &&OptionRow| o.kind == "topping" && o.name != "Salt";
                let toppings: Vec<_> = self.options.iter().filter(fits).collect();
                toppings.choose(rng).map_or("onions".into(), |option| option.name.to_lowercase())
            }
            "unsold" => several(self.pick(rng, "unsold")?),
            "person" => self
                .pick(rng, "people")?
                .trim_start_matches("my ")
                .replace("the little one", "son")
                .replace("{name}", "neighbour"),
            "name" if rng.random_bool(0.2) => {
                format!("{} {}", self.pick(rng, "names")?, self.pick(rng, "surnames")?)
            }
            "name" => self.pick(rng, "names")?.to_owned(),
            "name2" => self.pick(rng, "surnames")?.to_owned(),
            "day" => self.pick(rng, "days")?.to_owned(),
            "street" => self.pick(rng, "streets")?.to_owned(),
            "allergen" => self.pick(rng, "allergens")?.to_owned(),
            "time" => clock(rng, hour),
            "earlier" => clock(rng, hour.saturating_sub(3)),
            "small" => rng.random_range(2..=14).to_string(),
            "room" => rng.random_range(101..=420).to_string(),
            "people" => rng.random_range(2..=12).to_string(),
            "minutes" => (rng.random_range(5..=14) * 5).to_string(),
            "age" => rng.random_range(18..=80).to_string(),
            "number" => rng.random_range(1000..=9999).to_string(),
            "phone" => format!("01{} {}", rng.random_range(51..=79), rng.random_range(200_000..=9_999_999)),
            other => bail!("the phrases have a slot {{{other}}} that nothing fills"),
        })
    }

    fn one_of(&self, rng: &mut StdRng, fits: impl Fn(&MenuRow) -> bool) -> Result<String> {
        let rows: Vec<usize> = (0..self.menu.len()).filter(|index| fits(&self.menu[*index])).collect();
        // A menu without burgers or drinks has other things to ask about.
        let index = rows.choose(rng).copied().unwrap_or_else(|| rng.random_range(0..self.menu.len()));
        self.called(rng, index, false)
    }
}
