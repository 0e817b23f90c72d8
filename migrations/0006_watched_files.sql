-- How far ingest has read the files to which lines are appended. The position moves in the transaction that
-- takes the rows in, so that neither a crash nor a restart loses a line or takes it twice.

CREATE TABLE watched_files (
    path        text        NOT NULL CONSTRAINT watched_files_pkey PRIMARY KEY,
    epoch       bigint      NOT NULL DEFAULT 0 CONSTRAINT watched_files_epoch_not_negative CHECK (epoch >= 0),
    byte_offset bigint      NOT NULL DEFAULT 0 CONSTRAINT watched_files_offset_not_negative CHECK (byte_offset >= 0),
    line        bigint      NOT NULL DEFAULT 1 CONSTRAINT watched_files_line_positive CHECK (line > 0),
    head        bytea       NOT NULL DEFAULT '',
    updated_at  timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE watched_files IS 'How far each watched file was read.';
COMMENT ON COLUMN watched_files.epoch IS 'How many files were read under this name before: raised when it is rotated or truncated.';
COMMENT ON COLUMN watched_files.byte_offset IS 'The first byte that was not read yet.';
COMMENT ON COLUMN watched_files.line IS 'The line that begins there.';
COMMENT ON COLUMN watched_files.head IS 'A fingerprint of the file''s beginning, by which it is known again under any name.';
