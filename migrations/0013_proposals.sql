-- What the answerer proposes to answer to enquiries.

CREATE TABLE proposals (
    message_id bigint      NOT NULL CONSTRAINT proposals_once PRIMARY KEY
               CONSTRAINT proposals_message_exists REFERENCES messages (id),
    state      text        NOT NULL CONSTRAINT proposals_state_known CHECK (state IN ('proposed', 'open')),
    answer     text,
    source     text,
    topic      text        NOT NULL,
    language   text        NOT NULL,
    sure       real,
    careful    boolean     NOT NULL DEFAULT false,
    reason     text        NOT NULL,
    decided_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT proposals_whole
        CHECK ((state = 'proposed') = (answer IS NOT NULL) AND (state = 'proposed') = (source IS NOT NULL))
);

COMMENT ON TABLE proposals IS 'One row an enquiry that the answerer has looked at. The first stands.';
COMMENT ON COLUMN proposals.state IS 'proposed: there is an answer. open: only a person can tell.';
COMMENT ON COLUMN proposals.source IS 'entry:<id>, fact:<what was computed>, or menu for the validator''s word on a rejected order.';
COMMENT ON COLUMN proposals.topic IS 'What it is about, or seems to be about.';
COMMENT ON COLUMN proposals.sure IS 'How often answers as sure as this one were right in trials; null for what is computed.';
COMMENT ON COLUMN proposals.careful IS 'About health: a person confirms it first.';

-- An answer may quote the customer, so it goes when the message is made nobody's. A trigger beside `anonymise`, so that
-- a table that comes later need not repeat it.
CREATE FUNCTION anonymise_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE proposals SET reason = '(anonymised)', answer = CASE WHEN answer IS NULL THEN NULL ELSE '(anonymised)' END
        WHERE message_id = NEW.id;
    RETURN NULL;
END
$$;

-- Nor does an answerer that comes late bring the words back.
CREATE FUNCTION forgotten_proposal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten timestamptz;
BEGIN
    SELECT anonymised_at INTO forgotten FROM messages WHERE id = NEW.message_id FOR SHARE;
    IF forgotten IS NOT NULL THEN
        NEW.reason := '(anonymised)';
        NEW.answer := CASE WHEN NEW.answer IS NULL THEN NULL ELSE '(anonymised)' END;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER proposals_forgotten BEFORE INSERT ON proposals FOR EACH ROW EXECUTE FUNCTION forgotten_proposal();

CREATE TRIGGER messages_anonymise_proposal AFTER UPDATE OF anonymised_at ON messages
    FOR EACH ROW WHEN (NEW.anonymised_at IS NOT NULL) EXECUTE FUNCTION anonymise_proposal();
