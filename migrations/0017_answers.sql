-- What people answered to enquiries, and what the house learns from that.

CREATE TABLE answers (
    message_id  bigint      NOT NULL CONSTRAINT answers_once PRIMARY KEY
                CONSTRAINT answers_message_exists REFERENCES messages (id),
    answer      text        NOT NULL CONSTRAINT answers_answer_not_empty CHECK (answer <> ''),
    as_proposed boolean     NOT NULL,
    answered_by text        NOT NULL CONSTRAINT answers_by_somebody CHECK (answered_by <> ''),
    answered_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE answers IS 'What a person answered to an enquiry, which is closed by it.';
COMMENT ON COLUMN answers.as_proposed IS 'The answer is the one that was proposed, word for word.';

ALTER TABLE knowledge ADD COLUMN learned_from bigint, ADD COLUMN draft boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT knowledge_draft_was_learned CHECK (NOT draft OR learned_from IS NOT NULL);

COMMENT ON COLUMN knowledge.learned_from IS 'The message to which a person answered this; null: it comes from a file.';
COMMENT ON COLUMN knowledge.draft IS 'Nobody has confirmed it yet: nothing is answered by it.';

-- Of a message that is made nobody's the answer goes, and what was to be learned from it. What a person confirmed is the
-- house's own by then.
CREATE FUNCTION anonymise_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE answers SET answer = '(anonymised)' WHERE message_id = NEW.id;
    DELETE FROM knowledge WHERE learned_from = NEW.id AND draft;
    RETURN NULL;
END
$$;

CREATE TRIGGER messages_anonymise_answer AFTER UPDATE OF anonymised_at ON messages
    FOR EACH ROW WHEN (NEW.anonymised_at IS NOT NULL) EXECUTE FUNCTION anonymise_answer();
