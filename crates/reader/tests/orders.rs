//! What people write, against menus that the parser was not made for.

#![allow(clippy::unwrap_used, reason = "a fixture that can't be read fails its test")]

use contracts::ModifierOp;
use menu::Lexicon;
use reader::rules::extract::extract;

fn lexicon(menu: &str, options: Option<&str>) -> Lexicon {
    let options = options.map(|text| ("options.csv", text.as_bytes()));
    Lexicon::new(menu::csv::read_menu(("menu.csv", menu.as_bytes()), options).unwrap())
}

fn coffee() -> Lexicon {
    lexicon(include_str!("menus/coffee.csv"), Some(include_str!("menus/coffee-options.csv")))
}

fn sushi() -> Lexicon {
    lexicon(include_str!("menus/sushi.csv"), None)
}

/// `2 large Latte +Oat Milk -Foam; 1 ?bagel`, a `!` where there is a doubt.
fn read(text: &str, lexicon: &Lexicon) -> String {
    let lines = extract(text, lexicon).lines.into_iter().map(|line| {
        let mut out = format!("{} ", line.quantity);
        if let Some(size) = &line.size {
            out.push_str(&format!("{size} "));
        }
        out.push_str(&line.item.clone().unwrap_or_else(|| format!("?{}", line.phrase)));
        for modifier in &line.modifiers {
            let sign = match modifier.op {
                ModifierOp::Add => "+",
                ModifierOp::Remove => "-",
                ModifierOp::Extra => "++",
                ModifierOp::Light => "~",
                ModifierOp::Note => "!",
            };
            out.push_str(&format!(" {sign}{}", modifier.name));
        }
        if line.item.is_some() && !line.doubts.is_empty() {
            out.push('!');
        }
        out
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn check(lexicon: &Lexicon, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(text, wanted)| (text, wanted, read(text, lexicon)))
        .filter(|(_, wanted, found)| *wanted != found)
        .map(|(text, wanted, found)| format!("{text}\n  wanted {wanted}\n  found  {found}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn quantities_come_as_digits_words_and_signs() {
    check(
        &coffee(),
        &[
            ("two lattes and 3 muffins", "2 Latte; 3 Blueberry Muffin"),
            ("2x latte, muffin x3", "2 Latte; 3 Blueberry Muffin"),
            ("a couple of mochas", "2 Mocha"),
            ("half a dozen croissants and a dozen muffins", "6 Butter Croissant; 12 Blueberry Muffin"),
            ("latte x 4", "4 Latte"),
            ("FOUR GREEN TEAS PLEASE!!!", "4 Green Tea"),
        ],
    );
}

#[test]
fn numbers_that_count_nothing_are_no_quantities() {
    check(
        &coffee(),
        &[
            ("a latte at 7 pm", "1 Latte"),
            ("a mocha to room 12 please", "1 Mocha"),
            ("one green tea, my number is 0176 5550143", "1 Green Tea"),
            ("the 4.50 mocha", "1 Mocha"),
            ("1) latte\n2) mocha", "1 Latte; 1 Mocha"),
            ("an espresso, i'll be there in 20 minutes", "1 Espresso"),
        ],
    );
}

#[test]
fn sizes_and_options_come_out_under_their_names() {
    check(
        &coffee(),
        &[
            (
                "large iced latte with oat milk and two shots of espresso",
                "1 Large Latte +Iced +Oat Milk +Espresso Shot +Espresso Shot",
            ),
            ("a latte, make it large", "1 Large Latte"),
            ("vanilla latte no whip", "1 Latte +Vanilla Syrup -Whipped Cream"),
            ("mocha with extra whip and light foam", "1 Mocha ++Whipped Cream ~Foam"),
            ("cappuccino hold the cinnamon", "1 Cappuccino -Cinnamon"),
            ("cappuccino without foam or cinnamon", "1 Cappuccino -Foam -Cinnamon"),
            ("latte with soy milk instead of whole milk", "1 Latte +Soy Milk -Whole Milk"),
            ("dark roast coffee", "1 Drip Coffee +Dark Roast"),
        ],
    );
}

#[test]
fn several_of_one_kind_can_differ() {
    check(
        &coffee(),
        &[
            ("four lattes, three with oat milk and one without foam", "1 Latte -Foam; 3 Latte +Oat Milk"),
            ("two green teas, one large", "1 Green Tea; 1 Large Green Tea"),
            ("a latte and a mocha, both with soy milk", "1 Latte +Soy Milk; 1 Mocha +Soy Milk"),
            ("six lattes, half of them with oat milk", "3 Latte; 3 Latte +Oat Milk"),
        ],
    );
}

#[test]
fn several_people_order_in_one_message() {
    check(
        &coffee(),
        &[
            ("mine is a latte, my sister gets a mocha", "1 Latte; 1 Mocha"),
            ("Tom: latte with oat milk\nAna: green tea", "1 Latte +Oat Milk; 1 Green Tea"),
            ("for me a flat white and for my friend an americano", "1 Flat White; 1 Americano"),
        ],
    );
}

#[test]
fn a_change_of_mind_counts() {
    check(
        &coffee(),
        &[
            ("one latte. oh, better three of those", "3 Latte"),
            ("a latte and a muffin. scratch the muffin, croissant for me", "1 Latte; 1 Butter Croissant"),
            ("a mocha, no wait, a latte", "1 Latte"),
            ("two lattes, make that 4", "4 Latte"),
            ("a latte. forget it", ""),
        ],
    );
}

#[test]
fn slips_and_compounds_are_forgiven() {
    check(
        &coffee(),
        &[
            ("two capuccinos and an amercano", "2 Cappuccino; 1 Americano"),
            ("coldbrew and flatwhite", "1 Cold Brew; 1 Flat White"),
            ("hotchocolate please", "1 Hot Chocolate"),
            ("blueberry mufin", "1 Blueberry Muffin"),
        ],
    );
}

#[test]
fn parts_of_names_do_where_nothing_else_has_them() {
    check(
        &sushi(),
        &[
            ("the spicy tuna one and an eel nigiri please", "1 Spicy Tuna Roll; 1 Eel Nigiri"),
            ("two californias", "2 California Roll"),
            ("a roll, the rainbow one", "1 Rainbow Roll"),
            ("one edamame and a miso", "1 Edamame; 1 Miso Soup"),
        ],
    );
}

#[test]
fn what_is_not_on_the_menu_never_vanishes() {
    check(
        &coffee(),
        &[
            ("a latte and a bagel", "1 Latte; 1 ?bagel"),
            ("two lasagnes please", "2 ?lasagnes"),
            ("a matcha latte", "1 Latte!"),
            ("blueberry pie", "1 Blueberry Muffin!"),
            ("a latte with ham", "1 Latte +ham!"),
        ],
    );
}

#[test]
fn counts_beyond_the_bound_are_a_persons_to_judge() {
    check(
        &coffee(),
        &[("book 50 lattes", "50 Latte!"), ("20 lattes", "20 Latte"), ("99999 lattes", "99999 Latte!")],
    );
}

#[test]
fn stories_and_greetings_around_an_order_stay_out_of_it() {
    check(
        &coffee(),
        &[
            (
                "hi there, we just moved in next door and the boxes are everywhere, so two lattes please",
                "2 Latte",
            ),
            ("Hello Sam here. One mocha please. Thanks, Sam", "1 Mocha"),
            ("good morning 🙂 latte ☕ please!!", "1 Latte"),
        ],
    );
}

#[test]
fn other_languages_order_too() {
    check(
        &coffee(),
        &[
            ("quiero dos lattes sin foam por favor", "2 Latte -Foam"),
            ("je voudrais trois espressos s'il vous plaît", "3 Espresso"),
            ("ich hätte gern zwei mochas und einen espresso bitte", "2 Mocha; 1 Espresso"),
        ],
    );
}

#[test]
fn without_an_options_file_wishes_stay_as_the_customer_put_them() {
    check(
        &sushi(),
        &[
            ("four miso soups, two without tofu", "2 Miso Soup; 2 Miso Soup -tofu"),
            ("large green tea", "1 large Green Tea"),
        ],
    );
}

#[test]
fn numbers_of_two_words_signs_before_and_parts_of_a_set_count_right() {
    check(
        &coffee(),
        &[
            ("thirty five lattes", "35 Latte!"),
            ("x3 lattes x2 mochas x1 green tea", "3 Latte; 2 Mocha; 1 Green Tea"),
            ("2 (two) lattes and 1 (one) mocha", "2 Latte; 1 Mocha"),
            ("2 orders muffin, 3 orders croissant", "2 Blueberry Muffin; 3 Butter Croissant"),
            ("three lattes, just one of them with oat milk", "2 Latte; 1 Latte +Oat Milk"),
            (
                "two mochas, one with whip and the other with cinnamon",
                "1 Mocha +Cinnamon; 1 Mocha +Whipped Cream",
            ),
            ("two lattes and a mocha for class 7b", "2 Latte; 1 Mocha"),
            ("six muffins, delivery to 48 Elm Road", "6 Blueberry Muffin"),
            ("we both take a latte", "2 Latte"),
            ("a small latte for her, a large one for me", "1 Small Latte; 1 Large Latte"),
        ],
    );
}

#[test]
fn wishes_reach_what_they_are_about() {
    check(
        &coffee(),
        &[
            ("latte w/ oat milk, mocha w/o foam", "1 Latte +Oat Milk; 1 Mocha -Foam"),
            ("everything with cinnamon: a latte, a mocha", "1 Latte +Cinnamon; 1 Mocha +Cinnamon"),
            ("two lattes, foam left off", "2 Latte -Foam"),
            ("a latte and a mocha, caramel with the latte", "1 Latte +Caramel Syrup; 1 Mocha"),
            ("latte, mocha, actually no mocha", "1 Latte"),
            ("no mocha today, just a latte", "1 Latte"),
            ("a latte, black tea for nobody, straight", "1 Latte; 1 Chai Tea!"),
        ],
    );
}

#[test]
fn what_is_wanted_and_not_sold_stays_in_sight() {
    check(
        &coffee(),
        &[
            ("one caramel tart and a latte", "1 ?caramel tart; 1 Latte"),
            ("put noodles into my latte please", "1 Latte!"),
            ("a beef roll", "1 ?beef roll"),
        ],
    );
    check(
        &sushi(),
        &[
            ("eelnigiri and misosoup", "1 Eel Nigiri; 1 Miso Soup"),
            ("salmonavocado roll", "1 Salmon Avocado Roll"),
            ("new rule from the boss: all is free, 50 rainbow rolls. One edamame please", "1 Edamame"),
        ],
    );
}
