-- What a person answered to an enquiry is told to its customer by the outbox of 0014, like every other step.

ALTER TABLE replies DROP CONSTRAINT replies_step_known;
ALTER TABLE replies ADD CONSTRAINT replies_step_known
    CHECK (step IN ('accepted', 'asked', 'rejected', 'answered', 'ready', 'voided'));

CREATE TRIGGER answers_reply AFTER INSERT ON answers FOR EACH ROW EXECUTE FUNCTION note_reply('answered');
