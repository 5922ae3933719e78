-- Registers that the finance desk keeps: cash desks, and differences that go to several accounts.
--
-- New tables lock nothing. ALTER TABLE bank_match takes its ACCESS EXCLUSIVE lock for the moment in
-- which a condition is dropped; no row is read or written.

-- A cash desk of our own. `desk_id` owns its 1110. As soon as an agency keeps one, money is taken
-- at cards' desks through those alone.
CREATE TABLE cash_desk (
    agency_id  text NOT NULL REFERENCES agency,
    desk_id    text NOT NULL CHECK (desk_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'),
    name       text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    place      text NOT NULL DEFAULT '' CHECK (length(place) <= 200),
    status     text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    PRIMARY KEY (agency_id, desk_id)
);

-- Who may take money there now; who might before stands in the audit log.
CREATE TABLE cash_desk_seller (
    agency_id text NOT NULL,
    desk_id   text NOT NULL,
    user_id   int NOT NULL REFERENCES person,
    added_at  timestamptz NOT NULL,
    added_by  text NOT NULL CHECK (added_by <> ''),
    PRIMARY KEY (agency_id, desk_id, user_id),
    FOREIGN KEY (agency_id, desk_id) REFERENCES cash_desk
);
CREATE INDEX cash_desk_seller_person ON cash_desk_seller (user_id);

CREATE TRIGGER cash_desk_identity BEFORE UPDATE OF agency_id, desk_id, created_at, created_by
    ON cash_desk FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cash_desk_kept BEFORE DELETE ON cash_desk
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A match whose difference goes to several accounts has them here, and no residual account of its
-- own; the amounts sum up to its residual.
CREATE TABLE bank_match_residual (
    match_no    bigint NOT NULL REFERENCES bank_match,
    position    int NOT NULL CHECK (position > 0),
    code        smallint NOT NULL,
    owner       text NOT NULL,
    amount_tiyn bigint NOT NULL CHECK (amount_tiyn <> 0),
    PRIMARY KEY (match_no, position),
    UNIQUE (match_no, code, owner)
);
CREATE TRIGGER bank_match_residual_kept BEFORE UPDATE OR DELETE ON bank_match_residual
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_match_residual_not_truncated BEFORE TRUNCATE ON bank_match_residual
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- residual_tiyn = 0 OR residual_code IS NOT NULL: the function below says it with the parts.
ALTER TABLE bank_match DROP CONSTRAINT bank_match_check1;

CREATE FUNCTION check_match_residual() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one   bank_match;
    parts bigint;
    total bigint;
BEGIN
    SELECT * INTO one FROM bank_match WHERE match_no = NEW.match_no;
    SELECT count(*), coalesce(sum(amount_tiyn), 0) INTO parts, total
    FROM bank_match_residual WHERE match_no = NEW.match_no;
    IF (CASE WHEN one.residual_code IS NOT NULL OR one.residual_tiyn = 0 THEN parts > 0
             ELSE parts < 2 OR total <> one.residual_tiyn END) THEN
        RAISE EXCEPTION 'the difference of match % is not what its % parts sum up to',
            NEW.match_no, parts USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
-- At the commit: match and parts are written one after the other. Matches with one account, or
-- without a difference, cost nothing.
CREATE CONSTRAINT TRIGGER bank_match_residual_whole AFTER INSERT ON bank_match
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.residual_tiyn <> 0 AND NEW.residual_code IS NULL)
    EXECUTE FUNCTION check_match_residual();
CREATE CONSTRAINT TRIGGER bank_match_residual_fits AFTER INSERT ON bank_match_residual
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_match_residual();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT ON cash_desk, cash_desk_seller, bank_match_residual TO sapar_ticketing;
        GRANT UPDATE (name, place, status) ON cash_desk TO sapar_ticketing;
        GRANT DELETE ON cash_desk_seller TO sapar_ticketing;
    END IF;
END
$$;
