-- An order's life in the kitchen, and who took which step. Which steps there are says contracts/src/kitchen.rs.

ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'accepted' CONSTRAINT orders_state_known
    CHECK (state IN ('received', 'accepted', 'preparing', 'ready', 'collected', 'voided'));

-- What the kitchen still has to do with: stays small however large the table grows.
CREATE INDEX orders_open ON orders (id) WHERE state NOT IN ('collected', 'voided');

CREATE TABLE order_steps (
    message_id bigint      NOT NULL CONSTRAINT order_steps_order_exists REFERENCES orders (message_id),
    step       integer     NOT NULL CONSTRAINT order_steps_step_positive CHECK (step > 0),
    state      text        NOT NULL CONSTRAINT order_steps_state_known
               CHECK (state IN ('received', 'accepted', 'preparing', 'ready', 'collected', 'voided')),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    who        text        NOT NULL CONSTRAINT order_steps_who_not_empty CHECK (who <> ''),
    why        text        CONSTRAINT order_steps_why_not_empty CHECK (why <> ''),
    CONSTRAINT order_steps_once UNIQUE (message_id, step),
    CONSTRAINT order_steps_void_has_its_reason CHECK (state <> 'voided' OR why IS NOT NULL)
);

COMMENT ON COLUMN orders.state IS 'How far the kitchen is; each change adds a row to order_steps.';
COMMENT ON TABLE order_steps IS 'The steps that people took with an order, after it was registered.';
COMMENT ON COLUMN order_steps.step IS 'Counts the order''s steps from 1.';
COMMENT ON COLUMN order_steps.state IS 'The state that the step led to.';
COMMENT ON COLUMN order_steps.at IS 'When it was taken: after the row lock, so that times follow the steps.';
