//! What went wrong with a message, for people who look into the reader.

use super::gold::Restaurant;
use super::report::Fate;
use super::run::Seen;
use crate::order::chunks;
use crate::read::doubt;
use crate::resolve::Meant;
use crate::rules::extract::Bounds;
use crate::weights::Gate;

/// Prints a message that was not read right, and why it was or was not registered.
pub fn failure(restaurant: &Restaurant, seen: &Seen<'_>, gate: Gate) {
    let fate = seen.fate(gate);
    if fate == Fate::Through || (fate == Fate::Kept && seen.kind() == seen.message.kind()) {
        return;
    }
    let why = doubt(&seen.observed, &seen.surface, Bounds::default());
    println!(
        "\n{fate:?} {} {} {:?}\n  a {} read as {}, trust {:.2}{}{}",
        restaurant.name,
        seen.message.id,
        seen.message.text,
        seen.message.kind,
        seen.kind().as_str(),
        seen.trust,
        match (seen.right, seen.rights.contains(&true)) {
            (true, _) => ", lines right",
            (false, true) => ", right among those looked at",
            (false, false) => "",
        },
        why.map(|doubt| format!("; {}", doubt.reason())).unwrap_or_default(),
    );
    for item in &seen.message.items {
        let wishes: Vec<String> = item.modifiers.iter().map(|w| format!("{:?} {}", w.op, w.name)).collect();
        println!(
            "  want {} {} {} {}",
            item.quantity,
            item.item,
            item.size.as_deref().unwrap_or(""),
            wishes.join(", ")
        );
    }
    let roles = chunks(&seen.observed.tags);
    let roles = roles.iter().map(|c| format!("{}: {}", c.tag.name(), seen.surface.words(c.first, c.end)));
    println!("  roles {}", roles.collect::<Vec<_>>().join(" | "));
    for line in &seen.observed.order.lines {
        let name = match &line.meant {
            Meant::Item { item, by } => {
                let name = restaurant.lexicon.menu().items.get(usize::from(*item)).map_or("", |i| &i.name);
                format!("{name} (by {by:?})")
            }
            other => format!("{other:?}"),
        };
        let wishes: Vec<String> =
            line.wishes.iter().map(|w| format!("{:?} {}", w.op, w.thing.name)).collect();
        println!("  got  {} {name} {} {}", line.count, line.size.as_deref().unwrap_or(""), wishes.join(", "));
    }
}
