-- The kitchen's steps are told on the bus: a step that is not published yet waits for the relay.

ALTER TABLE order_steps ADD COLUMN published_at timestamptz;
COMMENT ON COLUMN order_steps.published_at IS 'When the bus confirmed the event that tells of the step; null until then.';

-- What was done before there were such events is not told of.
UPDATE order_steps SET published_at = at;

-- Those that wait are its nulls.
CREATE INDEX order_steps_published ON order_steps (published_at, at);

CREATE TRIGGER order_steps_notify AFTER INSERT ON order_steps
    FOR EACH STATEMENT EXECUTE FUNCTION notify_new_messages();

-- An order that the line registers is accepted, and what it does not accept is a review: nothing was ever 'received'.
ALTER TABLE orders DROP CONSTRAINT orders_state_known, ADD CONSTRAINT orders_state_known
    CHECK (state IN ('accepted', 'preparing', 'ready', 'collected', 'voided'));
ALTER TABLE order_steps DROP CONSTRAINT order_steps_state_known, ADD CONSTRAINT order_steps_state_known
    CHECK (state IN ('preparing', 'ready', 'collected', 'voided'));

-- Said 'registered' and nothing else; nobody read it.
ALTER TABLE orders DROP COLUMN status;
