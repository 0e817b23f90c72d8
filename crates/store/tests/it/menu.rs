use store::menu::{ItemRow, MenuRows, OptionRow};

use crate::fresh;

fn menu(version: &str, names: &[&str]) -> MenuRows {
    let items = names.iter().map(|name| ItemRow {
        slug: name.to_lowercase(),
        name: (*name).to_owned(),
        category: "soup".to_owned(),
        description: format!("{name}, hot"),
        price_cents: 450,
        aliases: vec!["potage".to_owned()],
    });
    let option = OptionRow {
        kind: "size".to_owned(),
        name: "large".to_owned(),
        aliases: Vec::new(),
        price_cents: 100,
    };
    MenuRows { version: version.to_owned(), items: items.collect(), options: vec![option] }
}

#[tokio::test]
async fn a_menu_is_read_back_in_its_order_and_replaced_as_a_whole() {
    let store = fresh().await;
    assert_eq!(store.menu().await.unwrap(), None);
    assert_eq!(store.menu_version().await.unwrap(), None);
    let first = menu("v1", &["Tomato", "Leek", "Barley"]);
    store.replace_menu(&first).await.unwrap();
    assert_eq!(store.menu().await.unwrap(), Some(first.clone()));

    let twice = menu("v2", &["Leek", "Leek"]);
    assert_eq!(store.replace_menu(&twice).await.unwrap_err().constraint(), Some("menu_items_pkey"));
    assert_eq!(store.menu().await.unwrap(), Some(first), "a menu that cannot be stored changes nothing");

    let second = menu("v3", &["Leek"]);
    store.replace_menu(&second).await.unwrap();
    assert_eq!(store.menu().await.unwrap(), Some(second));
    assert_eq!(store.menu_version().await.unwrap().as_deref(), Some("v3"));
}

#[tokio::test]
async fn readers_never_see_half_of_a_new_menu() {
    let store = fresh().await;
    let (one, other) = (menu("one", &["Tomato", "Leek"]), menu("other", &["Barley"]));
    store.replace_menu(&one).await.unwrap();
    let writer = {
        let (store, one, other) = (store.clone(), one.clone(), other.clone());
        tokio::spawn(async move {
            for n in 0..20 {
                store.replace_menu(if n % 2 == 0 { &other } else { &one }).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let read = store.menu().await.unwrap().unwrap();
        assert!(read == one || read == other, "{read:?}");
    }
    writer.await.unwrap();
}
