//! Both themes can be read: WCAG 2.2 AA, computed from the stylesheet's own colours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may, as tests may"
)]

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../assets/app.css");

/// The colours of a theme: what `:root` says, and what the theme says over it.
fn theme(selectors: &[&str]) -> BTreeMap<&'static str, [f64; 3]> {
    let mut colours = BTreeMap::new();
    for selector in selectors {
        let (_, rest) = STYLE.split_once(&format!("{selector} {{")).unwrap();
        let (block, _) = rest.split_once('}').unwrap();
        for declaration in block.split(';') {
            let Some((name, value)) = declaration.trim().split_once(": #") else { continue };
            let channel = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
            colours.insert(name, [channel(0), channel(2), channel(4)]);
        }
    }
    colours
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] =
        colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn ratio(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_and_the_edges_of_what_can_be_used_stand_out_in_both_themes() {
    let text = [
        "text", "muted", "flow", "order", "review", "rejected", "enquiry", "misc", "accent", "accent-2",
        "bad",
    ];
    let grounds = ["ground", "panel", "raised"];
    let series = ["series-1", "series-2", "series-3", "series-4", "series-5"];
    for (name, selectors) in [("dark", &[":root"][..]), ("light", &[":root", "[data-theme=\"light\"]"])] {
        let colours = theme(selectors);
        let check = |front: &str, back: &str, least: f64| {
            let ratio = ratio(colours[&*format!("--{front}")], colours[&*format!("--{back}")]);
            assert!(ratio >= least, "{name}: {front} on {back} is {ratio:.2}, less than {least}");
        };
        for back in grounds {
            text.iter().for_each(|front| check(front, back, 4.5));
            check("edge", back, 3.0);
        }
        check("on-accent", "accent", 4.5);
        check("on-bad", "bad", 4.5);
        check("on-review", "review", 4.5);
        check("on-flow", "flow", 4.5);
        check("on-allergy", "allergy", 4.5);
        series.iter().for_each(|line| check(line, "panel", 3.0));
    }
}

#[test]
fn the_ratio_is_the_one_of_the_standard() {
    assert!((ratio([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    assert!((ratio([119.0 / 255.0; 3], [1.0; 3]) - 4.48).abs() < 0.01);
}
