-- Customers' messages. A message is safe once its row is committed: everything else on the line
-- can be done again from here.

CREATE TABLE messages (
    id              bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT messages_pkey PRIMARY KEY,
    received_at     timestamptz NOT NULL DEFAULT now(),
    source          text        NOT NULL CONSTRAINT messages_source_not_empty CHECK (source <> ''),
    external_id     text,
    customer        text,
    text            text        NOT NULL,
    generation      integer     NOT NULL DEFAULT 1 CONSTRAINT messages_generation_positive CHECK (generation > 0),
    published_at    timestamptz,
    rejected_reason text,
    outcome         text        CONSTRAINT messages_outcome_known
                    CHECK (outcome IN ('order', 'review', 'enquiry', 'misc', 'refused', 'discarded')),
    outcome_at      timestamptz,
    CONSTRAINT messages_external_id_once UNIQUE (source, external_id),
    CONSTRAINT messages_outcome_has_its_time CHECK ((outcome IS NULL) = (outcome_at IS NULL)),
    CONSTRAINT messages_refused_has_its_reason
        CHECK ((rejected_reason IS NOT NULL) = (outcome IS NOT NULL AND outcome IN ('refused', 'discarded')))
);

COMMENT ON TABLE messages IS 'What customers wrote, one row a message; its id is the last token of every subject about it.';
COMMENT ON COLUMN messages.source IS 'The door it came in by: http, csv, watch, simulation, dashboard.';
COMMENT ON COLUMN messages.external_id IS 'The sender''s own id: the same id from the same source is the same message.';
COMMENT ON COLUMN messages.customer IS 'An opaque key of the customer, where the channel gives one.';
COMMENT ON COLUMN messages.generation IS 'Which publication of this row is the current one; a replay raises it.';
COMMENT ON COLUMN messages.published_at IS 'When the bus confirmed the current generation; null: still to be relayed.';
COMMENT ON COLUMN messages.rejected_reason IS 'Why the line does not carry it: set together with the outcome refused or discarded.';
COMMENT ON COLUMN messages.outcome IS 'What became of it. Set once, in the transaction that registers; only a review may still become an order or an enquiry.';

-- What ingest has to relay, and what reconciliation looks at: both stay small however large the table grows.
CREATE INDEX messages_to_relay ON messages (id) WHERE published_at IS NULL AND rejected_reason IS NULL;
CREATE INDEX messages_without_outcome ON messages (id) WHERE outcome IS NULL;

-- Wakes ingest. It carries nothing, since polling decides what there is to do, and there is one a statement
-- and only at intake, because notifying serialises commits.
CREATE FUNCTION notify_new_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('greenbite_messages', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER messages_notify AFTER INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION notify_new_messages();
