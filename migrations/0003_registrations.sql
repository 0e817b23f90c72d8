-- What the registrar writes. A message is registered once: the unique key on message_id is the last wall.
-- Miscellaneous messages have no table: they go to a file.

CREATE TABLE orders (
    id           bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT orders_pkey PRIMARY KEY,
    message_id   bigint      NOT NULL CONSTRAINT orders_message_once UNIQUE
                 CONSTRAINT orders_message_exists REFERENCES messages (id),
    customer     text,
    status       text        NOT NULL DEFAULT 'registered' CONSTRAINT orders_status_not_empty CHECK (status <> ''),
    version      integer     NOT NULL DEFAULT 1 CONSTRAINT orders_version_positive CHECK (version > 0),
    total_cents  bigint      NOT NULL CONSTRAINT orders_total_not_negative CHECK (total_cents >= 0),
    menu_version text        NOT NULL,
    reason       text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_items (
    order_id         bigint  NOT NULL CONSTRAINT order_items_order_exists REFERENCES orders (id),
    position         integer NOT NULL,
    phrase           text    NOT NULL,
    slug             text    NOT NULL,
    item             text    NOT NULL,
    quantity         integer NOT NULL CONSTRAINT order_items_quantity_positive CHECK (quantity > 0),
    size             text,
    modifiers        jsonb   NOT NULL DEFAULT '[]',
    unit_price_cents bigint  NOT NULL CONSTRAINT order_items_unit_price_not_negative CHECK (unit_price_cents >= 0),
    total_cents      bigint  NOT NULL,
    CONSTRAINT order_items_pkey PRIMARY KEY (order_id, position),
    CONSTRAINT order_items_total_is_right CHECK (total_cents = unit_price_cents * quantity)
);

CREATE TABLE reviews (
    id            bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT reviews_pkey PRIMARY KEY,
    message_id    bigint      NOT NULL CONSTRAINT reviews_message_once UNIQUE
                  CONSTRAINT reviews_message_exists REFERENCES messages (id),
    lines         jsonb       NOT NULL,
    reason        text        NOT NULL,
    menu_version  text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    decision      text        CONSTRAINT reviews_decision_known CHECK (decision IN ('accepted', 'rejected')),
    decided_by    text,
    decided_at    timestamptz,
    decided_lines jsonb,
    CONSTRAINT reviews_decision_whole
        CHECK ((decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)
               AND (decision IS NULL) = (decided_lines IS NULL))
);

CREATE INDEX reviews_open ON reviews (id) WHERE decision IS NULL;

CREATE TABLE enquiries (
    id             bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT enquiries_pkey PRIMARY KEY,
    message_id     bigint      NOT NULL CONSTRAINT enquiries_message_once UNIQUE
                   CONSTRAINT enquiries_message_exists REFERENCES messages (id),
    topic          text        NOT NULL CONSTRAINT enquiries_topic_not_empty CHECK (topic <> ''),
    reason         text        NOT NULL,
    proposed_reply text,
    created_at     timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE orders IS 'Orders of the kitchen''s; the id is the order''s number. Money in cents, as the menu had it.';
COMMENT ON COLUMN orders.version IS 'Raised by each change of the order.';
COMMENT ON COLUMN orders.menu_version IS 'The menu version that the order was judged and priced by.';
COMMENT ON COLUMN orders.reason IS 'Why it was accepted, in a cook''s words.';
COMMENT ON TABLE order_items IS 'The lines of an order.';
COMMENT ON COLUMN order_items.phrase IS 'The item in the customer''s words.';
COMMENT ON COLUMN order_items.modifiers IS 'Wishes about the item: a list of {"op": "add|remove|extra|light", "name": ...}.';
COMMENT ON COLUMN order_items.unit_price_cents IS 'Price of one, with what its size and extras cost.';
COMMENT ON TABLE reviews IS 'Orders that a person decides about, with the lines and candidates that the person sees.';
COMMENT ON COLUMN reviews.decided_lines IS 'The lines as they were decided; they go down the line as validated.accepted or .rejected.';
COMMENT ON TABLE enquiries IS 'Messages that want an answer, among them orders for what is not on the menu.';
