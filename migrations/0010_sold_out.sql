-- What has run out, and how many orders a minute are taken without a person.

CREATE TABLE sold_out (
    slug  text        NOT NULL CONSTRAINT sold_out_pkey PRIMARY KEY,
    item  text        NOT NULL CONSTRAINT sold_out_item_not_empty CHECK (item <> ''),
    since timestamptz NOT NULL DEFAULT now(),
    until timestamptz,
    who   text        NOT NULL CONSTRAINT sold_out_who_not_empty CHECK (who <> '')
);

COMMENT ON TABLE sold_out IS 'Items of the menu that are not to be had for a while. An import of the menu leaves it alone.';
COMMENT ON COLUMN sold_out.until IS 'When the item is back by itself, judged by whoever reads; null: when somebody says so.';
COMMENT ON COLUMN sold_out.who IS 'Who said so.';

-- By which the registrar counts how many orders a customer, and everybody, sent within a minute.
CREATE INDEX messages_ordered ON messages (received_at) WHERE outcome = 'order';
CREATE INDEX messages_ordered_by ON messages (customer, received_at) WHERE outcome = 'order' AND customer IS NOT NULL;
