-- The menu. Memcached holds a copy; this is what the copy is made from.

CREATE TABLE menu_version (
    only_row    boolean     NOT NULL DEFAULT true CONSTRAINT menu_version_pkey PRIMARY KEY
                CONSTRAINT menu_version_only_one CHECK (only_row),
    version     text        NOT NULL CONSTRAINT menu_version_not_empty CHECK (version <> ''),
    imported_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE menu_items (
    slug        text    NOT NULL CONSTRAINT menu_items_pkey PRIMARY KEY,
    name        text    NOT NULL CONSTRAINT menu_items_name_once UNIQUE,
    category    text    NOT NULL,
    description text    NOT NULL,
    price_cents bigint  NOT NULL CONSTRAINT menu_items_price_not_negative CHECK (price_cents >= 0),
    aliases     text[]  NOT NULL DEFAULT '{}',
    position    integer NOT NULL
);

CREATE TABLE menu_options (
    kind        text    NOT NULL,
    name        text    NOT NULL,
    aliases     text[]  NOT NULL DEFAULT '{}',
    price_cents bigint  NOT NULL DEFAULT 0 CONSTRAINT menu_options_price_not_negative CHECK (price_cents >= 0),
    position    integer NOT NULL,
    CONSTRAINT menu_options_pkey PRIMARY KEY (kind, name)
);

COMMENT ON TABLE menu_version IS 'The version of the menu that menu_items and menu_options hold: one row, none before the first import.';
COMMENT ON TABLE menu_items IS 'What the restaurant sells. Prices in cents.';
COMMENT ON COLUMN menu_items.slug IS 'The name as a key: what the item is called in Memcached.';
COMMENT ON COLUMN menu_items.aliases IS 'Other words that customers use for it.';
COMMENT ON COLUMN menu_items.position IS 'Its place on the menu.';
COMMENT ON TABLE menu_options IS 'Sizes, toppings and sauces.';
COMMENT ON COLUMN menu_options.price_cents IS 'What it adds to the price of an item, in cents.';
