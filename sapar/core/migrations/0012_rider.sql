-- What riders report, and its way to an answer; PINs of cards, for looking up a balance.

CREATE TABLE rider_report (
    agency_id   text NOT NULL REFERENCES agency,
    report_no   bigint GENERATED ALWAYS AS IDENTITY,
    -- SHA-256 of the code that the rider keeps: who reads this table cannot read as the rider
    code_hash   bytea NOT NULL UNIQUE CHECK (octet_length(code_hash) = 32),
    source      text NOT NULL CHECK (source IN ('page', 'onebusaway')),
    kind        text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    body        text NOT NULL CHECK (length(body) <= 2000),
    language    text NOT NULL CHECK (language IN ('kk', 'ru', 'en')),
    -- what it is about, by the ids that were in force at the moment
    happened_at timestamptz NOT NULL,
    filed_at    timestamptz NOT NULL,
    stop_id     text,
    route_id    text,
    trip_id     text,
    vehicle_id  text,
    latitude    double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision CHECK (longitude BETWEEN -180 AND 180),
    -- what the system knew and had promised when the report came: never changed
    evidence    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(evidence) = 'object'),
    -- how the rider may be reached; erased when its time is over
    contact       text CHECK (contact <> '' AND length(contact) <= 200),
    contact_until timestamptz,
    state       text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'taken', 'answered', 'closed')),
    taken_by    text,
    taken_at    timestamptz,
    answer      text CHECK (length(answer) BETWEEN 1 AND 4000),
    answered_by text,
    answered_at timestamptz,
    closed_by   text,
    closed_at   timestamptz,
    PRIMARY KEY (agency_id, report_no),
    CHECK ((contact IS NULL) = (contact_until IS NULL)),
    CHECK ((taken_by IS NULL) = (taken_at IS NULL)),
    CHECK ((answer IS NULL) = (answered_at IS NULL)
           AND (answer IS NULL) = (answered_by IS NULL)),
    CHECK ((closed_by IS NULL) = (closed_at IS NULL)),
    CHECK (CASE state WHEN 'new' THEN taken_at IS NULL AND answer IS NULL AND closed_at IS NULL
                      WHEN 'taken' THEN taken_at IS NOT NULL AND closed_at IS NULL
                      WHEN 'answered' THEN answer IS NOT NULL AND closed_at IS NULL
                      ELSE closed_at IS NOT NULL END)
);

CREATE INDEX rider_report_queue ON rider_report (agency_id, filed_at) WHERE state <> 'closed';
CREATE INDEX rider_report_vehicle ON rider_report (agency_id, vehicle_id, happened_at)
    WHERE vehicle_id IS NOT NULL;
CREATE INDEX rider_report_contact ON rider_report (contact_until) WHERE contact IS NOT NULL;

-- What the rider said and what was known then are evidence; only the life of the report moves.
CREATE FUNCTION keep_report() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living CONSTANT text[] := ARRAY['contact', 'contact_until', 'state', 'taken_by', 'taken_at',
        'answer', 'answered_by', 'answered_at', 'closed_by', 'closed_at'];
BEGIN
    IF (to_jsonb(NEW) - living) <> (to_jsonb(OLD) - living) THEN
        RAISE integrity_constraint_violation
            USING MESSAGE = 'what a rider reported, and what was known then, is not changed';
    END IF;
    IF NEW.contact IS NOT NULL AND NEW.contact IS DISTINCT FROM OLD.contact THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'a contact can only be erased';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER report_kept BEFORE UPDATE ON rider_report
    FOR EACH ROW EXECUTE FUNCTION keep_report();

CREATE FUNCTION notify_reports() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_desk', NEW.agency_id || ' reports');
    RETURN NULL;
END
$$;

CREATE TRIGGER report_changed AFTER INSERT OR UPDATE ON rider_report
    FOR EACH ROW EXECUTE FUNCTION notify_reports();

-- The PIN that a holder looks a balance up with. The number itself is not here: `number_hash` is
-- its HMAC under a key of the deployment, and the PIN is an argon2 hash.
CREATE TABLE card_pin (
    card_no     bigint PRIMARY KEY REFERENCES card,
    number_hash bytea NOT NULL UNIQUE CHECK (octet_length(number_hash) = 32),
    pin_hash    text NOT NULL,
    set_at      timestamptz NOT NULL,
    set_by      text NOT NULL CHECK (set_by <> '')
);

-- Look-ups that failed, by what was tried: a hash of the number, of the address. Rows are dropped
-- once they are too old to count.
CREATE TABLE card_lookup_failure (
    subject   bytea NOT NULL CHECK (octet_length(subject) = 32),
    failed_at timestamptz NOT NULL
);
CREATE INDEX card_lookup_failure_subject ON card_lookup_failure (subject, failed_at);

-- The role that looks a card up reads its statement, and can change nothing but the failures.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_card_lookup') THEN
        BEGIN
            CREATE ROLE sapar_card_lookup NOLOGIN;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role sapar_card_lookup is not made: the user may not';
            WHEN duplicate_object OR unique_violation THEN  -- another database of this cluster did
                NULL;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_card_lookup') THEN
        IF NOT pg_has_role('sapar_card_lookup', 'MEMBER') THEN
            BEGIN
                GRANT sapar_card_lookup TO CURRENT_USER;
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE NOTICE 'role sapar_card_lookup is not granted: the user may not';
            END;
        END IF;
        GRANT USAGE ON SCHEMA public TO sapar_card_lookup;
        GRANT SELECT ON card, card_pin, card_replacement, card_block, card_pass, pending_top_up,
            journal, tap, tap_refund, device TO sapar_card_lookup;
        GRANT SELECT, INSERT, DELETE ON card_lookup_failure TO sapar_card_lookup;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON card_pin TO sapar_ticketing;
        GRANT SELECT ON card_lookup_failure TO sapar_ticketing;
    END IF;
END
$$;
