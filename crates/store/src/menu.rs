//! The menu as the database has it: what the cache is filled from.

use crate::{Error, Store};

/// The whole menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuRows {
    /// Its version.
    pub version: String,
    /// Its items, in their order.
    pub items: Vec<ItemRow>,
    /// Sizes, toppings and sauces, in their order.
    pub options: Vec<OptionRow>,
}

/// A row of `menu_items`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// The key in the cache.
    pub slug: String,
    /// The name on the menu.
    pub name: String,
    /// The part of the menu it stands in.
    pub category: String,
    /// What it is.
    pub description: String,
    /// Its price in cents.
    pub price_cents: i64,
    /// Other words for it.
    pub aliases: Vec<String>,
}

/// A row of `menu_options`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionRow {
    /// `size`, `topping` or `sauce`.
    pub kind: String,
    /// Its canonical name.
    pub name: String,
    /// Other words for it.
    pub aliases: Vec<String>,
    /// What it adds to the price, in cents.
    pub price_cents: i64,
}

impl Store {
    /// Puts this menu in the place of the one before, at once for all readers.
    pub async fn replace_menu(&self, menu: &MenuRows) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        // The version's row is written first: it makes a second import wait for this one.
        sqlx::query!(
            "INSERT INTO menu_version (version) VALUES ($1)
             ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, imported_at = now()",
            menu.version,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM menu_items").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM menu_options").execute(&mut *tx).await?;
        for (item, position) in menu.items.iter().zip(1..) {
            sqlx::query!(
                "INSERT INTO menu_items (slug, name, category, description, price_cents, aliases, position)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                item.slug,
                item.name,
                item.category,
                item.description,
                item.price_cents,
                &item.aliases,
                position,
            )
            .execute(&mut *tx)
            .await?;
        }
        for (option, position) in menu.options.iter().zip(1..) {
            sqlx::query!(
                "INSERT INTO menu_options (kind, name, aliases, price_cents, position) VALUES ($1, $2, $3, $4, $5)",
                option.kind,
                option.name,
                &option.aliases,
                option.price_cents,
                position,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The menu; `None` before the first import.
    pub async fn menu(&self) -> Result<Option<MenuRows>, Error> {
        // One snapshot for all three tables: an import in between must not mix two menus.
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let Some(version) =
            sqlx::query_scalar!("SELECT version FROM menu_version").fetch_optional(&mut *tx).await?
        else {
            return Ok(None);
        };
        let items = sqlx::query_as!(
            ItemRow,
            "SELECT slug, name, category, description, price_cents, aliases FROM menu_items ORDER BY position"
        )
        .fetch_all(&mut *tx)
        .await?;
        let options = sqlx::query_as!(
            OptionRow,
            "SELECT kind, name, aliases, price_cents FROM menu_options ORDER BY position"
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(MenuRows { version, items, options }))
    }

    /// The menu's version; `None` before the first import.
    pub async fn menu_version(&self) -> Result<Option<String>, Error> {
        Ok(sqlx::query_scalar!("SELECT version FROM menu_version").fetch_optional(&self.pool).await?)
    }
}
