//! Which column is what, by its name.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A column that is looked for, with the names that tills and spreadsheets give it in English, German, French
/// and Spanish, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in our own files.
    pub name: &'static str,
    /// Other names, parted by commas, the surest first.
    also: &'static str,
}

impl Column {
    fn names(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.name).chain(self.also.split(", ")).map(fold)
    }
}

/// What an item is called.
pub const NAME: Column = Column {
    name: "name",
    also: "item name, item, title, product name, product, dish name, dish, menu item, article, \
           artikelname, artikel, bezeichnung, gericht, speise, produktname, produkt, titel, \
           nom, plat, produit, designation, libelle, intitule, titre, \
           nombre, plato, producto, articulo, titulo",
};

/// What an item or an option costs.
pub const PRICE: Column = Column {
    name: "price",
    also: "base price, item price, unit price, default price, regular price, list price, variant price, \
           selling price, \
           preis, einzelpreis, grundpreis, verkaufspreis, bruttopreis, \
           prix, prix unitaire, prix de vente, prix ttc, tarif, \
           precio, precio unitario, precio base, precio de venta, pvp",
};

/// What kind of food an item is.
pub const CATEGORY: Column = Column {
    name: "category",
    also: "categories, category name, menu group, menu category, product type, section, group, \
           kategorie, warengruppe, produktgruppe, rubrik, gruppe, \
           categorie, rubrique, famille, groupe, \
           categoria, seccion, familia, grupo",
};

/// What an item is made of.
pub const DESCRIPTION: Column = Column {
    name: "description",
    also: "item description, product description, short description, details, \
           beschreibung, artikelbeschreibung, \
           descriptif, \
           descripcion",
};

/// What else it is called.
pub const ALIASES: Column = Column {
    name: "aliases",
    also: "alias, also called, also known as, synonyms, other names, alternate name, \
           synonyme, auch genannt, \
           sinonimos",
};

/// What kind of option it is.
pub const KIND: Column = Column {
    name: "kind",
    also: "type, option type, option group, modifier group, modifier set, group, \
           art, typ, optionsgruppe, gruppe, \
           genre, groupe, \
           tipo, grupo",
};

/// What an option is called.
pub const OPTION: Column = Column {
    name: "name",
    also: "option name, option, modifier name, modifier, item name, item, title, \
           bezeichnung, zutat, titel, \
           nom, supplement, titre, \
           nombre, opcion, extra, titulo",
};

/// What a customer wrote.
pub const MESSAGE: Column = Column {
    name: "message",
    also: "text, message text, body, content, \
           nachricht, mitteilung, nachrichtentext, \
           texte, \
           mensaje, texto",
};

/// When it came.
pub const TIMESTAMP: Column = Column {
    name: "timestamp",
    also: "received at, time, date and time, date time, datetime, sent at, created at, date, \
           zeitstempel, zeitpunkt, datum und uhrzeit, datum uhrzeit, zeit, datum, \
           horodatage, date et heure, heure, \
           marca de tiempo, fecha y hora, hora, fecha",
};

/// Who the customer is to the channel.
pub const CUSTOMER: Column = Column {
    name: "customer",
    also: "customer id, sender, from, kunde, absender, client, expediteur, cliente, remitente",
};

/// The sender's own id of a message. By it a message that comes again is known, so nothing else will do.
pub const EXTERNAL_ID: Column = Column { name: "external_id", also: "external id" };

/// Words of money that stand behind a name: "Price (USD)", "Preis in EUR".
const MONEY: [&str; 7] = ["in", "en", "usd", "eur", "gbp", "chf", "euro"];
/// From this likeness on, a name is worth a guess.
const ALIKE: f64 = 0.65;

/// The names in a file's first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    names: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    written: String,
    folded: String,
    taken_for: Option<&'static str>,
}

impl Header {
    /// Reads the names of the columns.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| Name {
            written: name.trim().to_owned(),
            folded: fold(name),
            taken_for: None,
        });
        Header { names: names.collect() }
    }

    /// Finds a column and takes it, so that none is two things.
    pub fn take(&mut self, column: Column) -> Option<usize> {
        let index = column.names().find_map(|known| {
            self.names.iter().position(|name| name.taken_for.is_none() && name.folded == known)
        })?;
        self.names[index].taken_for = Some(column.name);
        Some(index)
    }

    /// Which columns were taken under other names than ours: "Item Name" as name.
    pub fn renamed(&self) -> Vec<String> {
        let taken = self.names.iter().filter_map(|name| Some((name, name.taken_for?)));
        taken
            .filter(|(name, column)| name.folded != fold(column))
            .map(|(name, column)| format!("\"{}\" as {column}", name.written))
            .collect()
    }

    /// The name, among those that were not taken, that is most like one of this column's.
    pub fn guess(&self, column: Column) -> Option<&str> {
        let known: Vec<String> = column.names().collect();
        let likeness = |name: &Name| known.iter().map(|known| alike(&name.folded, known)).fold(0.0, f64::max);
        let free = self.names.iter().filter(|name| name.taken_for.is_none() && !name.folded.is_empty());
        let (name, likeness) =
            free.map(|name| (name, likeness(name))).max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        (likeness >= ALIKE).then_some(name.written.as_str())
    }
}

/// How alike two names are, from 0 to 1; a name that is a word of the other is rather like it.
fn alike(name: &str, known: &str) -> f64 {
    let within = name.split(' ').any(|word| word == known);
    let likeness = strsim::normalized_damerau_levenshtein(name, known);
    if within { likeness.max(ALIKE) } else { likeness }
}

/// A name without case, accents, marks, brackets and money.
fn fold(name: &str) -> String {
    let plain = name.split(['(', '[']).next().unwrap_or_default();
    let letters: String = plain
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let mut words: Vec<&str> = letters.split_whitespace().collect();
    while words.len() > 1 && words.last().is_some_and(|word| MONEY.contains(word)) {
        words.pop();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &[&str], columns: &[Column]) -> Vec<Option<usize>> {
        let mut header = Header::new(header.iter().copied());
        columns.iter().map(|column| header.take(*column)).collect()
    }

    #[test]
    fn tills_and_spreadsheets_of_four_languages_are_understood() {
        for header in [
            &["name", "price"][..],
            &["Item Name", "Price (USD)"],
            &["Item", "Base Price"],
            &["Title", "Variant Price"],
            &["Artikel", "Preis in EUR"],
            &["Gericht", "Einzelpreis €"],
            &["Désignation", "Prix TTC"],
            &["ARTÍCULO", "Precio"],
        ] {
            assert_eq!(found(header, &[NAME, PRICE]), [Some(0), Some(1)], "{header:?}");
        }
        assert_eq!(found(&["Fecha", "Mensaje"], &[MESSAGE, TIMESTAMP]), [Some(1), Some(0)]);
        assert_eq!(found(&["Modifier Group", "Modifier"], &[KIND, OPTION]), [Some(0), Some(1)]);
    }

    #[test]
    fn our_own_name_goes_first_and_no_column_is_two_things() {
        assert_eq!(found(&["Title", "Base Price", "Name", "Price"], &[NAME, PRICE]), [Some(2), Some(3)]);
        assert_eq!(found(&["group"], &[KIND, CATEGORY]), [Some(0), None]);
        assert_eq!(found(&["id", "Cost"], &[EXTERNAL_ID, PRICE]), [None, None]);
    }

    #[test]
    fn what_is_read_under_another_name_is_told_and_what_is_not_gets_a_guess() {
        let mut header = Header::new(["Item Name", "PRICE", "Prise", "Gross price", "Thing"]);
        assert_eq!(header.guess(PRICE), Some("PRICE"));
        header.take(NAME);
        header.take(PRICE);
        assert_eq!(header.renamed(), ["\"Item Name\" as name"]);
        assert_eq!(header.guess(PRICE), Some("Prise"));
        assert_eq!(Header::new(["Gross price", "Thing"]).guess(PRICE), Some("Gross price"));
        assert_eq!(Header::new(["Gross price", "Thing"]).guess(NAME), None);
    }
}
