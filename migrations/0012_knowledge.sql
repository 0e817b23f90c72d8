-- What the house knows: answers, and the questions that they answer.

CREATE TABLE knowledge (
    id          text    NOT NULL CONSTRAINT knowledge_pkey PRIMARY KEY CONSTRAINT knowledge_id_not_empty CHECK (id <> ''),
    topic       text    NOT NULL,
    language    text    NOT NULL,
    questions   text[]  NOT NULL CONSTRAINT knowledge_has_a_question CHECK (cardinality(questions) > 0),
    answer      text    NOT NULL CONSTRAINT knowledge_answer_not_empty CHECK (answer <> ''),
    valid_from  date,
    valid_until date,
    source      text    NOT NULL DEFAULT '',
    approved_by text    NOT NULL DEFAULT '',
    position    integer NOT NULL,
    CONSTRAINT knowledge_ends_after_it_begins CHECK (valid_until >= valid_from)
);

COMMENT ON TABLE knowledge IS 'What the house has written down for customers.';
COMMENT ON COLUMN knowledge.language IS 'Of questions and answer, as an ISO 639-1 code.';
COMMENT ON COLUMN knowledge.questions IS 'How the question is put; customers'' own words are matched to them.';
COMMENT ON COLUMN knowledge.valid_until IS 'The last day on which it is true.';
COMMENT ON COLUMN knowledge.approved_by IS 'Who said that it may be told.';
