-- Finance: the close of a business day: stages with evidence, two signatures, reports, reopening.
-- What the database itself holds: nothing posts with a closed date; a day is closed by two people
-- who signed the same evidence; what was signed and reported is never changed.

-- Days follow one another in the ledger, so an index of ranges of pages finds a day. One index for
-- both columns costs postings a third of what two do.
DROP INDEX journal_xid;
CREATE INDEX journal_ranges ON journal USING brin (xid, business_date)
    WITH (pages_per_range = 32, autosummarize = on);

ALTER TABLE business_day
    ADD COLUMN revision smallint NOT NULL DEFAULT 1 CHECK (revision > 0),
    ADD COLUMN digest bytea CHECK (octet_length(digest) = 32);  -- what both people signed

-- Every run of a stage, with what it saw. The newest run of each stage counts.
CREATE TABLE day_stage (
    run_no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id       text NOT NULL REFERENCES agency,
    business_date   date NOT NULL,
    revision        smallint NOT NULL CHECK (revision > 0),  -- of the close that it is for
    stage           text NOT NULL CHECK (stage IN ('taps', 'gaps', 'shifts', 'agents', 'bank',
                                                   'balances')),
    passed          boolean NOT NULL,
    findings        int NOT NULL CHECK (findings >= 0),
    exceptions      bigint[] NOT NULL,  -- open ones that it found; it passes when all are accepted
    evidence        bytea NOT NULL,     -- JSON: counts, amounts, when
    digest          bytea NOT NULL CHECK (digest = sha256(evidence)),
    last_journal_no bigint NOT NULL,    -- what it saw was posted up to here
    ran_at          timestamptz NOT NULL,
    ran_by          text NOT NULL CHECK (ran_by <> '')
);
CREATE INDEX day_stage_day ON day_stage (agency_id, business_date, revision, stage, run_no DESC);

-- The day's totals as they were signed: the report but for the signatures.
CREATE TABLE day_totals (
    totals_no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id       text NOT NULL REFERENCES agency,
    business_date   date NOT NULL,
    revision        smallint NOT NULL CHECK (revision > 0),
    body            bytea NOT NULL,     -- JSON
    digest          bytea NOT NULL CHECK (digest = sha256(body)),
    journals        bigint NOT NULL,    -- so many have the business date
    last_journal_no bigint NOT NULL,
    balances        jsonb NOT NULL,     -- of all accounts at that moment, for the next day's check
    made_at         timestamptz NOT NULL
);
CREATE INDEX day_totals_day ON day_totals (agency_id, business_date, revision, totals_no DESC);

CREATE TABLE day_signature (
    signature_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id     text NOT NULL REFERENCES agency,
    business_date date NOT NULL,
    revision      smallint NOT NULL CHECK (revision > 0),
    act           text NOT NULL CHECK (act IN ('prepared', 'approved')),
    user_id       int NOT NULL REFERENCES person,
    digest        bytea NOT NULL CHECK (octet_length(digest) = 32),
    signed_at     timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (agency_id, business_date, revision, digest, act),
    UNIQUE (agency_id, business_date, revision, digest, user_id)
);

-- The files that were made at a close; they are given out as they are for ever.
CREATE TABLE day_report (
    agency_id     text NOT NULL,
    business_date date NOT NULL,
    revision      smallint NOT NULL CHECK (revision > 0),
    form          text NOT NULL CHECK (form IN ('json', 'csv')),
    body          bytea NOT NULL,
    digest        bytea NOT NULL CHECK (digest = sha256(body)),
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (agency_id, business_date, revision, form),
    FOREIGN KEY (agency_id, business_date) REFERENCES business_day
);

-- While one lasts, what is about that day may post with its date. It ends at its time, by the
-- database's clock, or when the day is closed again under the next revision.
CREATE TABLE day_reopening (
    reopening_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id      text NOT NULL,
    business_date  date NOT NULL,
    revision       smallint NOT NULL,  -- that was closed
    user_id        int NOT NULL REFERENCES person,
    second_user_id int REFERENCES person CHECK (second_user_id <> user_id),
    reason         text NOT NULL CHECK (reason ~ '\S'),
    reopened_at    timestamptz NOT NULL DEFAULT now(),
    ends_at        timestamptz NOT NULL,
    CHECK (ends_at > reopened_at AND ends_at <= reopened_at + interval '7 days'),
    FOREIGN KEY (agency_id, business_date) REFERENCES business_day
);
CREATE INDEX day_reopening_day ON day_reopening (agency_id, business_date, ends_at);

-- Taps, riders and money by hour, folded from the journals of all transactions below a horizon;
-- what is above it is added when it is asked for.
CREATE TABLE day_count (
    agency_id     text NOT NULL REFERENCES agency,
    business_date date NOT NULL,
    service_date  date NOT NULL,
    hour          timestamp NOT NULL,       -- local
    taps          bigint NOT NULL,
    riders        bigint NOT NULL,
    earned_tiyn   bigint NOT NULL,          -- credited to carriers
    paid_tiyn     bigint NOT NULL,          -- by cards
    PRIMARY KEY (agency_id, business_date, service_date, hour)
);
CREATE TABLE day_count_horizon (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    to_xid   bigint NOT NULL               -- exclusive
);
INSERT INTO day_count_horizon (to_xid) VALUES (0);

-- The accounts of a journal with each card's replaced by its place (0 to 3): journals that differ in
-- nothing but the card have one form, and a day of them a few thousand. The usual forms, no card or
-- one in front, are spelt out in a function that PostgreSQL puts in line; the other costs ten times
-- as much.
CREATE FUNCTION unusual_form(accounts bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT CASE WHEN one >= 0 THEN one & 7 ELSE one END
             FROM unnest(accounts) WITH ORDINALITY AS a (one, line) ORDER BY line);
CREATE FUNCTION posting_form(accounts bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN 0 > ALL (accounts) THEN accounts
    WHEN accounts[1] >= 0 AND 0 > ALL (accounts[2:]) THEN (accounts[1] & 7) || accounts[2:]
    ELSE unusual_form(accounts)
END;

-- Whether a closed day may be posted to for the moment.
CREATE FUNCTION day_is_reopened(of_agency text, of_date date) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM day_reopening r
                   JOIN business_day b USING (agency_id, business_date, revision)
                   WHERE r.agency_id = of_agency AND r.business_date = of_date
                       AND r.ends_at > now())
$$;

-- Who posts and who closes exclude one another by one lock an agency, and both must see what the
-- other has committed before they got it.
CREATE FUNCTION check_isolation() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'posting and closing need READ COMMITTED'
            USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

CREATE FUNCTION refuse_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    agencies text[];
    days date[];
    closed text;
BEGIN
    PERFORM check_isolation();
    SELECT array_agg(agency_id), array_agg(business_date) INTO agencies, days
    FROM (SELECT DISTINCT agency_id, business_date FROM posted) AS dates;
    -- held already by whoever posts as the product does; a statement of its own, see above
    PERFORM pg_advisory_xact_lock_shared(1935765857, hashtext(agency_id))
    FROM (SELECT DISTINCT agency_id FROM unnest(agencies) AS a (agency_id) ORDER BY 1) AS a;
    SELECT min(concat_ws(' ', b.agency_id, b.business_date)) INTO closed
    FROM unnest(agencies, days) AS d (agency_id, business_date)
    JOIN business_day b USING (agency_id, business_date)
    WHERE NOT day_is_reopened(b.agency_id, b.business_date);
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the business day % is closed: nothing posts with its date', closed
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'It posts to the first open day, or to a reopened one.';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER journal_day_open AFTER INSERT ON journal REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_closed_day();

-- What both people sign: the evidence of the newest run of every stage, and the totals. Null while
-- a stage has not passed or there are no totals.
CREATE FUNCTION day_digest(of_agency text, of_date date, of_revision int) RETURNS bytea
LANGUAGE sql STABLE AS $$
    WITH newest AS (
        SELECT DISTINCT ON (stage) stage, passed, digest,
               array_position(ARRAY['taps', 'gaps', 'shifts', 'agents', 'bank', 'balances'], stage)
                   AS place
        FROM day_stage
        WHERE agency_id = of_agency AND business_date = of_date AND revision = of_revision
        ORDER BY stage, run_no DESC
    ), stages AS (
        SELECT string_agg(stage || ' ' || encode(digest, 'hex'), E'\n' ORDER BY place) AS lines
        FROM newest HAVING count(*) = 6 AND bool_and(passed)
    ), totals AS (
        SELECT 'totals ' || encode(digest, 'hex') AS line FROM day_totals
        WHERE agency_id = of_agency AND business_date = of_date AND revision = of_revision
        ORDER BY totals_no DESC LIMIT 1
    )
    SELECT sha256(convert_to(concat_ws(E'\n', 'sapar day 1', of_agency, of_date::text,
                                       of_revision::text, lines, line), 'UTF8'))
    FROM stages, totals
$$;

-- Why a day whose stages passed may not be signed or closed now; null: it may.
CREATE FUNCTION day_obstacle(of_agency text, of_date date, of_revision int) RETURNS text
LANGUAGE sql STABLE AS $$
    WITH newest AS (
        SELECT DISTINCT ON (stage) passed, exceptions, last_journal_no FROM day_stage
        WHERE agency_id = of_agency AND business_date = of_date AND revision = of_revision
        ORDER BY stage, run_no DESC
    ), totals AS (
        SELECT last_journal_no FROM day_totals
        WHERE agency_id = of_agency AND business_date = of_date AND revision = of_revision
        ORDER BY totals_no DESC LIMIT 1
    ), seen AS (
        SELECT least((SELECT min(last_journal_no) FROM newest),
                     (SELECT last_journal_no FROM totals)) AS last_journal_no
    )
    SELECT CASE
        WHEN (SELECT count(*) FILTER (WHERE passed) FROM newest) < 6
            OR NOT EXISTS (SELECT FROM totals) THEN 'not all stages have passed'
        WHEN EXISTS (SELECT FROM newest JOIN ticketing_exception e
                         ON e.exception_no = ANY (newest.exceptions)
                     WHERE e.closed_at IS NULL AND e.accepted_at IS NULL)
            THEN 'an exception of the day is not accepted'
        WHEN EXISTS (SELECT FROM journal j, seen
                     WHERE j.journal_no > seen.last_journal_no AND j.business_date = of_date
                         AND j.agency_id = of_agency)
            THEN 'something was posted with that date after the stages ran'
    END
$$;

CREATE FUNCTION check_day_stage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.passed AND EXISTS (SELECT FROM ticketing_exception
                              WHERE exception_no = ANY (NEW.exceptions)
                                  AND closed_at IS NULL AND accepted_at IS NULL) THEN
        RAISE EXCEPTION 'stage % of % cannot pass: an exception is not accepted',
            NEW.stage, NEW.business_date USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER day_stage_checked BEFORE INSERT ON day_stage
    FOR EACH ROW EXECUTE FUNCTION check_day_stage();

CREATE FUNCTION check_day_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    needed text := CASE NEW.act WHEN 'prepared' THEN 'accountant' ELSE 'chief_accountant' END;
BEGIN
    IF NOT EXISTS (SELECT FROM person p JOIN person_role r USING (user_id)
                   WHERE p.user_id = NEW.user_id AND p.ended_at IS NULL AND r.role = needed
                       AND (r.agency_id IS NULL OR r.agency_id = NEW.agency_id)) THEN
        RAISE EXCEPTION 'person % is no % of %', NEW.user_id, needed, NEW.agency_id
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.digest IS DISTINCT FROM day_digest(NEW.agency_id, NEW.business_date, NEW.revision) THEN
        RAISE EXCEPTION 'what is signed of % is not what its stages came to', NEW.business_date
            USING ERRCODE = 'check_violation';
    ELSIF NEW.act = 'approved' AND NOT EXISTS (
            SELECT FROM day_signature s
            WHERE (s.agency_id, s.business_date, s.revision, s.digest)
                = (NEW.agency_id, NEW.business_date, NEW.revision, NEW.digest)
                AND s.act = 'prepared' AND s.user_id <> NEW.user_id) THEN
        RAISE EXCEPTION 'nobody else has prepared % as it is', NEW.business_date
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER day_signature_checked BEFORE INSERT ON day_signature
    FOR EACH ROW EXECUTE FUNCTION check_day_signature();

-- A day is closed, or closed again, over two signatures and nothing else. Days are closed in order.
CREATE FUNCTION check_business_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    signed bytea;
    obstacle text;
BEGIN
    PERFORM check_isolation();
    PERFORM pg_advisory_xact_lock(1935765857, hashtext(NEW.agency_id));
    IF TG_OP = 'UPDATE' AND (NEW.agency_id, NEW.business_date, NEW.revision)
            IS DISTINCT FROM (OLD.agency_id, OLD.business_date, OLD.revision + 1) THEN
        RAISE EXCEPTION 'a closed day changes by its next revision alone'
            USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'INSERT' AND NEW.revision <> 1 THEN
        RAISE EXCEPTION 'the first close is revision 1' USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'INSERT' AND EXISTS (SELECT FROM business_day WHERE agency_id = NEW.agency_id)
            AND NOT EXISTS (SELECT FROM business_day WHERE agency_id = NEW.agency_id
                                AND business_date = NEW.business_date - 1) THEN
        RAISE EXCEPTION 'the day before % is not closed: days are closed in order',
            NEW.business_date USING ERRCODE = 'check_violation';
    END IF;
    signed := day_digest(NEW.agency_id, NEW.business_date, NEW.revision);
    IF NOT EXISTS (
            SELECT FROM day_signature p JOIN day_signature a
                USING (agency_id, business_date, revision, digest)
            WHERE (agency_id, business_date, revision, digest)
                = (NEW.agency_id, NEW.business_date, NEW.revision, signed)
                AND p.act = 'prepared' AND a.act = 'approved' AND p.user_id <> a.user_id) THEN
        RAISE EXCEPTION '% is not signed by two people over what its stages came to',
            NEW.business_date USING ERRCODE = 'check_violation';
    END IF;
    obstacle := day_obstacle(NEW.agency_id, NEW.business_date, NEW.revision);
    -- whatever their numbers: journals are only added, so as many are the same ones
    IF obstacle IS NULL AND (SELECT count(*) FROM journal
                             WHERE business_date = NEW.business_date
                                 AND agency_id = NEW.agency_id)
        <> (SELECT journals FROM day_totals
            WHERE agency_id = NEW.agency_id AND business_date = NEW.business_date
                AND revision = NEW.revision ORDER BY totals_no DESC LIMIT 1) THEN
        obstacle := 'not as many journals have its date as were signed';
    END IF;
    IF obstacle IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be closed: %', NEW.business_date, obstacle
            USING ERRCODE = 'check_violation';
    ELSIF coalesce(NEW.digest, signed) <> signed OR TG_OP = 'UPDATE' AND NEW.digest <> signed THEN
        RAISE EXCEPTION 'what is closed of % is not what was signed', NEW.business_date
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.digest := signed;
    RETURN NEW;
END
$$;
CREATE TRIGGER business_day_signed BEFORE INSERT OR UPDATE ON business_day
    FOR EACH ROW EXECUTE FUNCTION check_business_day();
CREATE TRIGGER business_day_kept BEFORE DELETE ON business_day
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Who may reopen, and what: a chief accountant the newest revision.
CREATE FUNCTION check_day_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(ARRAY[NEW.user_id, NEW.second_user_id]) AS u (user_id)
               WHERE u.user_id IS NOT NULL AND NOT EXISTS (
                   SELECT FROM person p JOIN person_role r USING (user_id)
                   WHERE p.user_id = u.user_id AND p.ended_at IS NULL
                       AND r.role IN ('accountant', 'chief_accountant')
                       AND (r.role = 'chief_accountant' OR u.user_id <> NEW.user_id)
                       AND (r.agency_id IS NULL OR r.agency_id = NEW.agency_id))) THEN
        RAISE EXCEPTION 'a day is reopened by a chief accountant'
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.revision IS DISTINCT FROM (SELECT revision FROM business_day
            WHERE agency_id = NEW.agency_id AND business_date = NEW.business_date) THEN
        RAISE EXCEPTION 'what is reopened is the newest revision' USING ERRCODE = 'check_violation';
    END IF;
    NEW.reopened_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER day_reopening_checked BEFORE INSERT ON day_reopening
    FOR EACH ROW EXECUTE FUNCTION check_day_reopening();

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['day_stage', 'day_totals', 'day_signature', 'day_report',
                                'day_reopening'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW'
                       ' EXECUTE FUNCTION refuse_change()', kept || '_append_only', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION refuse_change()', kept || '_not_truncated', kept);
    END LOOP;
END
$$;
CREATE TRIGGER business_day_not_truncated BEFORE TRUNCATE ON business_day
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT ON day_stage, day_totals, day_signature, day_report, day_reopening, day_count,
            day_count_horizon TO sapar_ticketing;
        GRANT INSERT ON day_stage, day_totals, day_signature, day_report, day_reopening
            TO sapar_ticketing;
        GRANT INSERT, UPDATE ON day_count TO sapar_ticketing;
        GRANT UPDATE ON day_count_horizon TO sapar_ticketing;
        GRANT UPDATE (revision, digest, closed_at, closed_by) ON business_day TO sapar_ticketing;
    END IF;
END
$$;
