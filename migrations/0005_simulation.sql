-- Where a replay of a data set stopped, so that the next one goes on there.

CREATE TABLE simulations (
    data_set   text        NOT NULL CONSTRAINT simulations_pkey PRIMARY KEY,
    next_row   bigint      NOT NULL CONSTRAINT simulations_next_row_not_negative CHECK (next_row >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE simulations IS 'Where each replay of a data set goes on.';
