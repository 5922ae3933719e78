-- Finance: the queue of exceptions, and shift reports of validators.

-- The queue.
ALTER TABLE ticketing_exception
    ADD COLUMN business_date   date,        -- the day whose close it stands in the way of
    ADD COLUMN assignee        text CHECK (assignee <> ''),
    ADD COLUMN accepted_at     timestamptz, -- for the close of the day, as it stands
    ADD COLUMN accepted_by     text,
    ADD COLUMN accepted_reason text,
    ADD COLUMN code            smallint,    -- the account that it is about, if one
    ADD COLUMN owner           text,
    ADD CONSTRAINT ticketing_exception_accepted CHECK (
        (accepted_at IS NULL) = (accepted_by IS NULL)
        AND (accepted_at IS NULL) = (accepted_reason IS NULL));
CREATE INDEX ticketing_exception_kind ON ticketing_exception (agency_id, kind, subject);
CREATE INDEX ticketing_exception_day ON ticketing_exception (agency_id, business_date)
    WHERE closed_at IS NULL;
CREATE INDEX ticketing_exception_opened ON ticketing_exception (agency_id, opened_at);

-- What was done to an exception: comments, and each change from what to what. That it was opened,
-- and closed by `sapar`, stands on the exception itself.
CREATE TABLE exception_comment (
    comment_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exception_no bigint NOT NULL REFERENCES ticketing_exception,
    at           timestamptz NOT NULL,
    actor        text NOT NULL CHECK (actor <> ''),
    action       text NOT NULL CHECK (action IN ('comment', 'assign', 'accept', 'unaccept', 'close',
                                                 'resolve', 'reopen', 'change')),
    note         text NOT NULL DEFAULT '',
    before       jsonb,
    after        jsonb
);
CREATE INDEX exception_comment_of ON exception_comment (exception_no, comment_no);
CREATE TRIGGER exception_comment_append_only BEFORE UPDATE OR DELETE ON exception_comment
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER exception_comment_not_truncated BEFORE TRUNCATE ON exception_comment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The product that the validator used, beside the one that the fare was made with.
ALTER TABLE tap ADD COLUMN claimed_product text;

-- Shift (Z) reports of validators, as received. Of several contents under one number the one with
-- the earliest device time counts, of equal ones that with the smaller digest.
CREATE TABLE shift_report (
    report_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id   text NOT NULL REFERENCES agency,
    device_no   int NOT NULL REFERENCES device,
    epoch       bigint NOT NULL,      -- of its taps
    shift_no    bigint NOT NULL CHECK (shift_no > 0),
    digest      bytea NOT NULL CHECK (octet_length(digest) = 16),  -- of the canonical bytes, seal
    counts      boolean NOT NULL,     -- whether this content is the one that counts
    event_epoch bigint NOT NULL,      -- of the event that brought it, like the next
    event_seq   bigint NOT NULL,
    device_time timestamptz NOT NULL, -- when it was made, as sent
    opened_at   timestamptz NOT NULL, -- when the shift began and ended, by the device
    closed_at   timestamptz NOT NULL,
    service_date date NOT NULL,       -- fare day on which it began
    first_seq   bigint,               -- null: nobody tapped
    last_seq    bigint,
    denied      bigint NOT NULL,      -- taps that the validator let nobody ride on
    products    text[] NOT NULL,      -- '' where it used none; sorted
    tap_counts  bigint[] NOT NULL,    -- taps by product
    sums_tiyn   bigint[] NOT NULL,    -- what it took for them
    taps        bigint NOT NULL,      -- sums over products
    sum_tiyn    bigint NOT NULL,
    total_taps  bigint NOT NULL,      -- grand totals after the shift: never reset
    total_tiyn  bigint NOT NULL,
    data        jsonb NOT NULL,       -- as received
    received_at timestamptz NOT NULL,
    UNIQUE (device_no, epoch, shift_no, digest),
    CHECK (cardinality(products) = cardinality(tap_counts)
           AND cardinality(products) = cardinality(sums_tiyn)),
    CHECK ((first_seq IS NULL) = (last_seq IS NULL) AND last_seq >= first_seq)
);
CREATE UNIQUE INDEX shift_report_counts ON shift_report (device_no, epoch, shift_no) WHERE counts;
CREATE INDEX shift_report_day ON shift_report (agency_id, service_date);
CREATE INDEX shift_report_range ON shift_report (device_no, epoch, first_seq) WHERE counts;
CREATE TRIGGER shift_report_evidence BEFORE UPDATE OF agency_id, device_no, epoch, shift_no, digest,
    event_epoch, event_seq, device_time, opened_at, closed_at, service_date, first_seq, last_seq,
    denied, products, tap_counts, sums_tiyn, taps, sum_tiyn, total_taps, total_tiyn, data,
    received_at ON shift_report
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shift_report_kept BEFORE DELETE ON shift_report
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shift_report_not_truncated BEFORE TRUNCATE ON shift_report
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What came of the shift reports that devices sent as events (kind `shift_report`).
CREATE TABLE device_shift (
    device_no   int NOT NULL,
    epoch       bigint NOT NULL,     -- of the event, like the next three
    seq         bigint NOT NULL,
    digest      bigint NOT NULL,
    received_at timestamptz NOT NULL,
    judged_at   timestamptz NOT NULL,
    code        text,                -- why it does not count; null: it is stored as a report
    PRIMARY KEY (device_no, epoch, seq, digest)
);
CREATE INDEX device_shift_received ON device_shift (received_at);
CREATE INDEX event_shift_report ON event (received_at) WHERE kind = 'shift_report';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT ON exception_comment, device_shift TO sapar_ticketing;
        GRANT SELECT, INSERT, UPDATE (counts) ON shift_report TO sapar_ticketing;
    END IF;
END
$$;
