//! Sentences of computed answers, in the customer's language.

use chrono::{Datelike, NaiveDate, NaiveTime};

/// A sentence in English, Spanish, French and German; English where the language is another.
fn pick(language: &str, [en, es, fr, de]: [&'static str; 4]) -> &'static str {
    match language {
        "es" => es,
        "fr" => fr,
        "de" => de,
        _ => en,
    }
}

fn fill(sentence: &str, values: &[&str]) -> String {
    values.iter().fold(sentence.to_owned(), |said, value| said.replacen("{}", value, 1))
}

/// An amount: a currency's sign before it, its code after it, the decimal sign of the language.
pub fn money(language: &str, cents: i64, currency: &str) -> String {
    let point = if language == "en" { '.' } else { ',' };
    let amount = format!("{}{point}{:02}", cents / 100, (cents % 100).abs());
    let is_code = !currency.is_empty() && currency.chars().all(char::is_alphabetic);
    if is_code || language != "en" {
        format!("{amount} {currency}").trim().to_owned()
    } else {
        format!("{currency}{amount}")
    }
}

/// "Cola costs $2.90."
pub fn costs(language: &str, item: &str, price: &str) -> String {
    fill(pick(language, ["{} is {}.", "{} cuesta {}.", "{} coûte {}.", "{} kostet {}."]), &[item, price])
}

/// What the menu says an item is.
pub fn described(language: &str, item: &str, description: &str) -> String {
    let sentence = [
        "Our menu says of {}: “{}”",
        "{}, según nuestra carta: «{}»",
        "{}, selon notre carte : « {} »",
        "{} laut unserer Karte: „{}“",
    ];
    fill(pick(language, sentence), &[item, description])
}

/// That an item is on the menu.
pub fn sold(language: &str, items: &str) -> String {
    fill(
        pick(language, ["Yes, we have {}.", "Sí, tenemos {}.", "Oui, nous avons {}.", "Ja, wir haben {}."]),
        &[items],
    )
}

/// That items have run out for now.
pub fn sold_out(language: &str, items: &str) -> String {
    let sentence = [
        "{} is sold out at the moment.",
        "Agotado por el momento: {}.",
        "Épuisé pour le moment : {}.",
        "Zurzeit ausverkauft: {}.",
    ];
    fill(pick(language, sentence), &[items])
}

/// That something is not on the menu.
pub fn not_sold(language: &str, what: &str) -> String {
    let sentence = [
        "Sorry, there is no {} on our menu.",
        "Lo sentimos, no tenemos {} en la carta.",
        "Désolés, il n'y a pas de {} à notre carte.",
        "Leider steht {} nicht auf unserer Karte.",
    ];
    fill(pick(language, sentence), &[what])
}

/// That the house is open, and until when.
pub fn open(language: &str, until: NaiveTime) -> String {
    let until = until.format("%H:%M").to_string();
    fill(
        pick(
            language,
            [
                "Yes, we are open now, until {}.",
                "Sí, ahora está abierto, hasta las {}.",
                "Oui, nous sommes ouverts en ce moment, jusqu'à {}.",
                "Ja, wir haben jetzt geöffnet, bis {} Uhr.",
            ],
        ),
        &[&until],
    )
}

/// That the house is closed, and when it opens.
pub fn closed(language: &str, next: Option<(u64, NaiveDate, NaiveTime)>) -> String {
    let closed = pick(
        language,
        [
            "We are closed right now.",
            "Ahora mismo está cerrado.",
            "Nous sommes fermés en ce moment.",
            "Wir haben gerade geschlossen.",
        ],
    );
    let Some((days, day, time)) = next else { return closed.to_owned() };
    let when = match days {
        0 => pick(language, ["today", "hoy", "aujourd'hui", "heute"]).to_owned(),
        1 => pick(language, ["tomorrow", "mañana", "demain", "morgen"]).to_owned(),
        2..=6 => fill(pick(language, ["{}", "el {}", "{}", "{}"]), &[weekday(language, day)]),
        // There is more than one such weekday until then.
        _ => fill(
            pick(language, ["{}, {} {}", "el {} {} de {}", "{} {} {}", "{}, {}. {}"]),
            &[weekday(language, day), &day.day().to_string(), month(language, day)],
        ),
    };
    let opens = pick(
        language,
        [
            "We open again {} at {}.",
            "Abrimos {} a las {}.",
            "Nous ouvrons {} à {}.",
            "Wir öffnen {} um {} Uhr.",
        ],
    );
    format!("{closed} {}", fill(opens, &[&when, &time.format("%H:%M").to_string()]))
}

fn weekday(language: &str, day: NaiveDate) -> &'static str {
    let names = match language {
        "es" => ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        "fr" => ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        "de" => ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        _ => ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    };
    names[day.weekday().num_days_from_monday() as usize]
}

#[rustfmt::skip]
fn month(language: &str, day: NaiveDate) -> &'static str {
    let names = match language {
        "es" => ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
                 "noviembre", "diciembre"],
        "fr" => ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
                 "novembre", "décembre"],
        "de" => ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
                 "November", "Dezember"],
        _ => ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
              "November", "December"],
    };
    names[day.month0() as usize]
}

/// How far an order is.
pub fn order(language: &str, number: i64, state: contracts::kitchen::State) -> String {
    use contracts::kitchen::State;
    let state = match state {
        State::Accepted => ["is with the kitchen", "está en cocina", "est en cuisine", "ist in der Küche"],
        State::Preparing => {
            ["is being made", "se está preparando", "est en préparation", "wird gerade zubereitet"]
        }
        State::Ready => ["is ready", "está listo", "est prête", "ist fertig"],
        State::Collected => {
            ["has been handed over", "ya se ha entregado", "a été remise", "wurde schon übergeben"]
        }
        State::Voided => ["was called off", "se anuló", "a été annulée", "wurde storniert"],
    };
    let sentence = ["Order {} {}.", "El pedido {} {}.", "La commande {} {}.", "Bestellung {} {}."];
    fill(pick(language, sentence), &[&number.to_string(), pick(language, state)])
}

/// What stands about a question of health: quoted, and never without a person.
pub fn careful(language: &str, statement: &str) -> String {
    let sentence = [
        "{} Please confirm with our staff before you order.",
        "{} Por favor, confírmelo con nuestro personal antes de pedir.",
        "{} Merci de le confirmer avec notre équipe avant de commander.",
        "{} Bitte fragen Sie vor der Bestellung bei unserem Team nach.",
    ];
    fill(pick(language, sentence), &[statement])
}
