-- Finance: carriers' contracts and statements, claims on budgets. Amounts are whole tiyn.

-- Versions of a carrier's contract; each counts for service dates from `valid_from` to the next.
CREATE TABLE carrier_contract (
    contract_no   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id     text NOT NULL REFERENCES agency,
    carrier_no    int NOT NULL REFERENCES carrier,
    valid_from    date NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('net', 'gross_km', 'boarding')),
    commission_bp int NOT NULL CHECK (commission_bp BETWEEN 0 AND 10000),
    rate_tiyn     bigint CHECK (rate_tiyn > 0),  -- for a kilometre, or for a boarding
    city          text NOT NULL,           -- owner of 2520; '' for net contracts
    funder        text CHECK (funder <> ''),  -- bears what fares do not cover; null: the city
    title         text NOT NULL,           -- number and date of the paper
    payee_name    text NOT NULL,
    payee_bin     text NOT NULL CHECK (payee_bin ~ '^[0-9]{12}$'),
    payee_iban    text NOT NULL CHECK (payee_iban ~ '^[A-Z0-9]{5,34}$'),
    payee_bic     text NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL CHECK (created_by <> ''),
    UNIQUE (carrier_no, valid_from),
    CHECK ((kind = 'net') = (rate_tiyn IS NULL)),
    CHECK ((kind = 'net') = (city = '')),
    CHECK (kind = 'net' OR commission_bp = 0),
    CHECK (kind <> 'net' OR funder IS NULL)
);

-- What a carrier earned in a period. A draft takes further lines; an issued one never changes.
CREATE TABLE settlement_statement (
    statement_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id    text NOT NULL REFERENCES agency,
    carrier_no   int NOT NULL REFERENCES carrier,
    from_date    date NOT NULL,
    to_date      date NOT NULL CHECK (to_date >= from_date),
    part         int NOT NULL CHECK (part > 0),  -- later ones hold what was found after the issue
    status       text NOT NULL CHECK (status IN ('draft', 'issued', 'paid')),
    number_year  int,
    number_in_year int,
    total_tiyn   bigint,       -- of its lines, when it was issued
    digest       bytea CHECK (octet_length(digest) = 32),
    made_at      timestamptz NOT NULL,
    made_by      text NOT NULL CHECK (made_by <> ''),
    issued_at    timestamptz,
    issued_by    text,
    order_no     bigint,       -- that paid it
    UNIQUE (agency_id, carrier_no, from_date, to_date, part),
    UNIQUE (agency_id, number_year, number_in_year),
    CHECK (num_nulls(number_year, number_in_year, total_tiyn, digest, issued_at, issued_by)
           = CASE status WHEN 'draft' THEN 6 ELSE 0 END),
    CHECK ((status = 'paid') = (order_no IS NOT NULL))
);

CREATE SEQUENCE settlement_line_number;
-- A line: what was taken out of clearing, and where it went. Debits: `gross_tiyn` on `code`,
-- `funder_tiyn` on 1220. Credits: 4120, 2520, 2310, 1230, 2320, in the order of the columns.
CREATE TABLE settlement_line (
    line_no         bigint PRIMARY KEY,
    statement_no    bigint NOT NULL REFERENCES settlement_statement,
    block           text NOT NULL CHECK (block IN ('fares', 'late', 'refunds', 'pass_pool',
                        'production', 'boardings', 'clawback', 'hold', 'release')),
    contract_no     int REFERENCES carrier_contract,
    code            smallint CHECK (code IN (2210, 2220)),
    business_date   date NOT NULL,
    service_date    date NOT NULL,
    boardings       bigint NOT NULL DEFAULT 0,
    metres          bigint NOT NULL DEFAULT 0,
    gross_tiyn      bigint NOT NULL DEFAULT 0,
    funder_tiyn     bigint NOT NULL DEFAULT 0,
    commission_tiyn bigint NOT NULL DEFAULT 0,
    city_tiyn       bigint NOT NULL DEFAULT 0,
    payable_tiyn    bigint NOT NULL DEFAULT 0,
    clawed_tiyn     bigint NOT NULL DEFAULT 0,
    held_tiyn       bigint NOT NULL DEFAULT 0,
    -- of its parts: the day's journals with numbers above the first up to the second
    from_journal_no    bigint NOT NULL DEFAULT 0,
    through_journal_no bigint NOT NULL DEFAULT 0,
    journal_no      bigint,     -- that posted it; null: it moves no money
    step_no         bigint,     -- of a dispute
    release_no      bigint,     -- of a pool of passes
    added_at        timestamptz NOT NULL,
    CHECK (gross_tiyn + funder_tiyn
           = commission_tiyn + city_tiyn + payable_tiyn + clawed_tiyn + held_tiyn)
);
CREATE INDEX settlement_line_statement ON settlement_line (statement_no);
CREATE INDEX settlement_line_day ON settlement_line (business_date);
CREATE INDEX settlement_line_contract ON settlement_line (contract_no);
CREATE UNIQUE INDEX settlement_line_step ON settlement_line (step_no) WHERE step_no IS NOT NULL;

-- Parts that a line's range of journals does not tell: refunds that were clawed back, and rides that
-- stand on another fare day than their journal (a tap that moves at the same price posts nothing).
CREATE TABLE settlement_part (
    line_no     bigint NOT NULL REFERENCES settlement_line,
    journal_no  bigint NOT NULL,
    amount_tiyn bigint NOT NULL,
    boardings   bigint NOT NULL,
    arrives     boolean NOT NULL,  -- the ride is counted on this line's day from now on
    PRIMARY KEY (line_no, journal_no)
);
CREATE INDEX settlement_part_journal ON settlement_part (journal_no);

-- The runs that production is paid for; a later line holds what was corrected since.
CREATE TABLE settlement_run_part (
    line_no      bigint NOT NULL REFERENCES settlement_line,
    service_date date NOT NULL,
    trip_id      text NOT NULL,
    start_s      int NOT NULL,
    status       text NOT NULL,
    metres       bigint NOT NULL,
    PRIMARY KEY (line_no, trip_id, start_s)
);

-- Money of passes of a product and month, shared by the carriers' boardings.
CREATE TABLE pass_release (
    release_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id   text NOT NULL REFERENCES agency,
    pool        text NOT NULL,       -- owner of 2140: product and month
    amount_tiyn bigint NOT NULL CHECK (amount_tiyn <> 0),
    journal_no  bigint NOT NULL UNIQUE,
    released_at timestamptz NOT NULL
);
CREATE TABLE pass_release_share (
    release_no  bigint NOT NULL REFERENCES pass_release,
    carrier_no  int NOT NULL REFERENCES carrier,
    boardings   bigint NOT NULL CHECK (boardings > 0),
    amount_tiyn bigint NOT NULL,
    PRIMARY KEY (release_no, carrier_no)
);

-- Money of a carrier on hold (2320) until somebody decides.
CREATE TABLE carrier_dispute (
    dispute_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id    text NOT NULL REFERENCES agency,
    statement_no bigint NOT NULL REFERENCES settlement_statement,
    amount_tiyn  bigint NOT NULL CHECK (amount_tiyn > 0),
    reason       text NOT NULL CHECK (reason <> ''),
    status       text NOT NULL CHECK (status IN ('open', 'released', 'rejected')),
    opened_at    timestamptz NOT NULL,
    opened_by    text NOT NULL CHECK (opened_by <> ''),
    decided_at   timestamptz,
    decided_by   text,
    decision     text CHECK (decision <> ''),
    CHECK (num_nulls(decided_at, decided_by, decision)
           = CASE status WHEN 'open' THEN 3 ELSE 0 END)
);
CREATE INDEX carrier_dispute_statement ON carrier_dispute (statement_no);
CREATE TABLE carrier_dispute_tap (
    dispute_no  bigint NOT NULL REFERENCES carrier_dispute,
    tap_no      bigint NOT NULL,  -- taps cannot go away: a reference would only cost
    fare_tiyn   bigint NOT NULL,  -- of it in the carrier's clearing
    PRIMARY KEY (dispute_no, tap_no)
);
-- What holds and releases change of what is paid: in a line of a statement, or kept back when an
-- issued statement is paid; with neither it waits for the next statement.
CREATE TABLE carrier_dispute_step (
    step_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dispute_no   bigint NOT NULL REFERENCES carrier_dispute,
    payable_tiyn bigint NOT NULL CHECK (payable_tiyn <> 0),
    journal_no   bigint NOT NULL UNIQUE,
    order_no     bigint,
    UNIQUE (dispute_no, payable_tiyn)
);

CREATE TABLE payment_order (
    order_no        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id       text NOT NULL REFERENCES agency,
    number_in_agency int NOT NULL CHECK (number_in_agency > 0),
    bank_account_no int NOT NULL REFERENCES bank_account,
    carrier_no      int NOT NULL REFERENCES carrier,
    contract_no     int NOT NULL REFERENCES carrier_contract,  -- names the payee
    amount_tiyn     bigint NOT NULL CHECK (amount_tiyn > 0),
    order_date      date NOT NULL,
    purpose         text NOT NULL,
    journal_no      bigint NOT NULL UNIQUE,
    item_no         bigint NOT NULL REFERENCES finance_item,
    made_at         timestamptz NOT NULL,
    made_by         text NOT NULL CHECK (made_by <> ''),
    UNIQUE (agency_id, number_in_agency)
);
ALTER TABLE settlement_statement ADD FOREIGN KEY (order_no) REFERENCES payment_order;
ALTER TABLE carrier_dispute_step ADD FOREIGN KEY (order_no) REFERENCES payment_order;
ALTER TABLE settlement_line ADD FOREIGN KEY (step_no) REFERENCES carrier_dispute_step;
ALTER TABLE settlement_line ADD FOREIGN KEY (release_no) REFERENCES pass_release;

-- What a budget owes for a period: for its concessions, and for production that fares do not cover.
CREATE TABLE budget_claim (
    claim_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id   text NOT NULL REFERENCES agency,
    funder      text NOT NULL CHECK (funder <> ''),
    from_date   date NOT NULL,
    to_date     date NOT NULL CHECK (to_date >= from_date),
    part        int NOT NULL CHECK (part > 0),
    number_in_agency int NOT NULL,
    amount_tiyn bigint NOT NULL,
    digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
    item_no     bigint REFERENCES finance_item,  -- null: there is nothing to receive
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL CHECK (made_by <> ''),
    UNIQUE (agency_id, funder, from_date, to_date, part),
    UNIQUE (agency_id, number_in_agency)
);
CREATE TABLE budget_claim_line (
    claim_no        bigint NOT NULL REFERENCES budget_claim,
    position        int NOT NULL,
    block           text NOT NULL CHECK (block IN ('concession', 'late', 'refunds', 'production')),
    category        text NOT NULL,  -- of riders; of production: the carrier
    product_id      text NOT NULL,
    difference_tiyn bigint,         -- a ride; null: no rides came or went, their prices changed
    rides           bigint NOT NULL,
    amount_tiyn     bigint NOT NULL,
    PRIMARY KEY (claim_no, position),
    CHECK (difference_tiyn IS NULL OR rides * difference_tiyn = amount_tiyn)
);
-- Journals of which days a claim holds: those with numbers above the first up to the second.
CREATE TABLE budget_claim_day (
    claim_no           bigint NOT NULL REFERENCES budget_claim,
    business_date      date NOT NULL,
    from_journal_no    bigint NOT NULL,
    through_journal_no bigint NOT NULL,
    PRIMARY KEY (claim_no, business_date)
);
CREATE INDEX budget_claim_day_date ON budget_claim_day (business_date);

-- What a budget bears by journals of days, each day's numbers above `after` up to `upto`: a row a
-- ride and block, and a row a journal of production. A ride counts from the first journal that
-- leaves something on the budget to the one that takes the last of it away.
CREATE FUNCTION budget_rides(of_agency text, of_funder text, days date[], after bigint[],
                             upto bigint[])
RETURNS TABLE (tap_no bigint, journal_no bigint, block text, category text, product_id text,
               rides bigint, amount_tiyn bigint)
LANGUAGE sql STABLE AS $$
    WITH budget AS (
        SELECT account_no FROM account
        WHERE agency_id = of_agency AND code = 1220 AND owner = of_funder
    ), moved AS (
        SELECT j.journal_no, coalesce(j.tap_no, r.tap_no) AS tap_no, j.revision, j.rider_category,
               j.product_id, e.amount,
               CASE WHEN j.kind = 'production' THEN 'production' WHEN j.tap_no IS NULL THEN 'refunds'
                    WHEN j.service_date < j.business_date THEN 'late' ELSE 'concession' END AS block
        FROM unnest(days, after, upto) AS d (day, after, upto)
        JOIN journal j ON j.agency_id = of_agency AND j.business_date = d.day
            AND j.journal_no > d.after AND j.journal_no <= d.upto
        LEFT JOIN tap_refund r ON r.journal_no = j.journal_no
        CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
        JOIN budget ON budget.account_no = e.account_no
        WHERE j.tap_no IS NOT NULL OR r.journal_no IS NOT NULL OR j.kind = 'production'
    ), by_ride AS (
        SELECT m.tap_no, m.block, min(m.journal_no) AS first_no, max(m.journal_no) AS last_no,
               min(m.revision) AS revision, sum(m.amount)::bigint AS amount,
               (array_agg(m.rider_category ORDER BY m.journal_no DESC))[1] AS category,
               (array_agg(m.product_id ORDER BY m.journal_no DESC))[1] AS product_id
        FROM moved m WHERE m.tap_no IS NOT NULL
        GROUP BY m.tap_no, m.block
    ), with_before AS (
        SELECT b.*, CASE WHEN b.revision = 1 THEN 0 ELSE coalesce((
                   SELECT sum(e.amount)
                   FROM (SELECT j.accounts, j.amounts FROM journal j
                         WHERE j.tap_no = b.tap_no AND j.journal_no < b.first_no
                         UNION ALL
                         SELECT j.accounts, j.amounts FROM tap_refund r JOIN journal j USING (journal_no)
                         WHERE r.tap_no = b.tap_no AND j.journal_no < b.first_no) j
                   CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
                   JOIN budget ON budget.account_no = e.account_no), 0) END AS before
        FROM by_ride b
    )
    SELECT w.tap_no, w.last_no, w.block, coalesce(w.category, t.rider_category, ''),
           coalesce(w.product_id, t.product_id, ''),
           (w.before + w.amount <> 0)::int::bigint - (w.before <> 0)::int, w.amount
    FROM with_before w LEFT JOIN tap t ON t.tap_no = w.tap_no
    UNION ALL
    SELECT NULL, m.journal_no, m.block, coalesce(c.carrier_id, ''), '', 0, sum(m.amount)::bigint
    FROM moved m
    LEFT JOIN settlement_line l ON l.journal_no = m.journal_no
    LEFT JOIN settlement_statement s USING (statement_no)
    LEFT JOIN carrier c USING (carrier_no)
    WHERE m.tap_no IS NULL
    GROUP BY m.journal_no, m.block, c.carrier_id
$$;
CREATE INDEX settlement_line_journal ON settlement_line (journal_no);

-- Documents of what is issued, as they were first given out: the same bytes for ever.
CREATE TABLE finance_paper (
    paper_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id text NOT NULL REFERENCES agency,
    subject   text NOT NULL,         -- `statement 4`, `claim 2`
    format    text NOT NULL CHECK (format IN ('xlsx', 'pdf', 'csv')),
    language  text NOT NULL CHECK (language IN ('kk', 'ru', 'en')),
    digest    bytea NOT NULL CHECK (octet_length(digest) = 32),
    content   bytea NOT NULL,
    UNIQUE (agency_id, subject, format, language)
);

CREATE FUNCTION refuse_used_contract() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM settlement_line WHERE contract_no = OLD.contract_no) THEN
        RAISE EXCEPTION 'contract % was settled by: it cannot change; add a version',
            OLD.contract_no USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER carrier_contract_used BEFORE UPDATE OR DELETE ON carrier_contract
    FOR EACH ROW EXECUTE FUNCTION refuse_used_contract();

CREATE FUNCTION refuse_line_of_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT status FROM settlement_statement WHERE statement_no = NEW.statement_no) <> 'draft'
    THEN
        RAISE EXCEPTION 'statement % is issued: it takes no further line', NEW.statement_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER settlement_line_of_draft BEFORE INSERT ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION refuse_line_of_issued();

-- A statement goes from draft to issued to paid, and only so; what it says stays.
CREATE FUNCTION refuse_issued_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.statement_no, OLD.agency_id, OLD.carrier_no, OLD.from_date, OLD.to_date, OLD.part,
        OLD.made_at, OLD.made_by) IS DISTINCT FROM
       (NEW.statement_no, NEW.agency_id, NEW.carrier_no, NEW.from_date, NEW.to_date, NEW.part,
        NEW.made_at, NEW.made_by)
       OR NOT (OLD.status, NEW.status) IN (('draft', 'issued'), ('issued', 'paid'))
       OR OLD.status = 'issued'
          AND (OLD.number_year, OLD.number_in_year, OLD.total_tiyn, OLD.digest, OLD.issued_at,
               OLD.issued_by) IS DISTINCT FROM
              (NEW.number_year, NEW.number_in_year, NEW.total_tiyn, NEW.digest, NEW.issued_at,
               NEW.issued_by)
    THEN
        RAISE EXCEPTION 'statement % is %: it cannot change so', OLD.statement_no, OLD.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER settlement_statement_stages BEFORE UPDATE ON settlement_statement
    FOR EACH ROW EXECUTE FUNCTION refuse_issued_change();

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['settlement_line', 'settlement_part', 'settlement_run_part',
        'pass_release', 'pass_release_share', 'carrier_dispute_tap', 'payment_order',
        'budget_claim', 'budget_claim_line', 'budget_claim_day', 'finance_paper'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION refuse_change()', kept || '_kept', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                       kept || '_not_truncated', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['settlement_statement', 'carrier_dispute',
                                'carrier_dispute_step'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION refuse_change()', kept || '_kept', kept);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT USAGE ON SEQUENCE settlement_line_number TO sapar_ticketing;
        GRANT SELECT, INSERT ON carrier_contract, settlement_statement, settlement_line,
            settlement_part, settlement_run_part, pass_release, pass_release_share,
            carrier_dispute, carrier_dispute_tap, carrier_dispute_step, payment_order,
            budget_claim, budget_claim_line, budget_claim_day, finance_paper TO sapar_ticketing;
        GRANT UPDATE (status, number_year, number_in_year, total_tiyn, digest, issued_at,
                      issued_by, order_no) ON settlement_statement TO sapar_ticketing;
        GRANT UPDATE (status, decided_at, decided_by, decision) ON carrier_dispute
            TO sapar_ticketing;
        GRANT UPDATE (order_no) ON carrier_dispute_step TO sapar_ticketing;
        GRANT UPDATE, DELETE ON carrier_contract TO sapar_ticketing;
    END IF;
END
$$;
