-- What the database refuses by itself of what the ticketing role may ask of finance's tables: the
-- role can write them, and so everything that only the program forbade is forbidden here too.
--
-- It runs on a database that is full and in use: a trigger or a column costs a lock on its table for
-- an instant. New constraints are NOT VALID, so no table is read through, and rows from before stay
-- as they are.

CREATE FUNCTION person_has_role(of_user int, of_agency text, roles text[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM person p JOIN person_role r USING (user_id)
                   WHERE p.user_id = of_user AND p.ended_at IS NULL AND r.role = ANY (roles)
                       AND (r.agency_id IS NULL OR r.agency_id = of_agency))
$$;

-- Exceptions: accepted and closed by somebody, for a reason, as they were seen.
ALTER TABLE ticketing_exception
    ADD CONSTRAINT ticketing_exception_accepted_by CHECK (
        accepted_by ~ '\S' AND accepted_reason ~ '\S') NOT VALID,
    ADD CONSTRAINT ticketing_exception_closed_by CHECK (
        num_nulls(closed_at, closed_by, resolution) IN (0, 3)
        AND closed_by ~ '\S' AND resolution ~ '\S') NOT VALID,
    ADD CONSTRAINT ticketing_exception_cites CHECK (
        journal_no IS NULL OR closed_at IS NOT NULL) NOT VALID;

CREATE FUNCTION refuse_new_exception() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an exception begins open, and accepted by nobody'
        USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER ticketing_exception_begins BEFORE INSERT ON ticketing_exception
    FOR EACH ROW WHEN (NEW.closed_at IS NOT NULL OR NEW.accepted_at IS NOT NULL)
    EXECUTE FUNCTION refuse_new_exception();

CREATE FUNCTION check_exception() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.accepted_at IS NOT NULL AND NEW.value_tiyn <> OLD.value_tiyn
            AND NEW.accepted_at IS NOT DISTINCT FROM OLD.accepted_at THEN
        RAISE EXCEPTION 'what was accepted of exception % was another value', NEW.exception_no
            USING ERRCODE = 'check_violation';
    ELSIF OLD.closed_at IS NOT NULL AND NEW.closed_at IS NOT NULL
            AND (OLD.closed_at, OLD.closed_by, OLD.resolution, OLD.journal_no, OLD.value_tiyn)
                IS DISTINCT FROM
                (NEW.closed_at, NEW.closed_by, NEW.resolution, NEW.journal_no, NEW.value_tiyn) THEN
        RAISE EXCEPTION 'exception % was closed by %: open it again first',
            NEW.exception_no, OLD.closed_by USING ERRCODE = 'check_violation';
    ELSIF NEW.journal_no IS DISTINCT FROM OLD.journal_no AND NEW.journal_no IS NOT NULL
            AND NOT EXISTS (SELECT FROM journal WHERE journal_no = NEW.journal_no
                                AND agency_id = NEW.agency_id) THEN
        RAISE EXCEPTION 'there is no journal % that resolves exception %',
            NEW.journal_no, NEW.exception_no USING ERRCODE = 'check_violation';
    ELSIF NEW.journal_no IS DISTINCT FROM OLD.journal_no
            AND EXISTS (SELECT FROM journal WHERE journal_no = OLD.journal_no AND kind = 'exception')
            AND NOT EXISTS (SELECT FROM journal WHERE reverses = OLD.journal_no) THEN
        RAISE EXCEPTION 'exception % was resolved by journal %, which nothing has reversed',
            NEW.exception_no, OLD.journal_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ticketing_exception_checked BEFORE UPDATE ON ticketing_exception
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL OR NEW.accepted_at IS NOT NULL
                       OR NEW.journal_no IS NOT NULL)
    EXECUTE FUNCTION check_exception();
CREATE TRIGGER ticketing_exception_identity BEFORE UPDATE OF exception_no, agency_id, kind, subject,
    opened_at ON ticketing_exception
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Matches: made of what they say, with the journal that posts them; taken apart once, whole, by the
-- reversal of that journal.
CREATE FUNCTION check_new_matches() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT min(m.match_no) INTO wrong FROM made m
    LEFT JOIN journal j ON j.journal_no = m.journal_no AND j.agency_id = m.agency_id
        AND j.source_key = m.source_key
    WHERE m.undone_at IS NOT NULL
        OR CASE WHEN m.journal_no IS NULL THEN m.lines_tiyn <> 0 OR m.items_tiyn <> 0
                ELSE j.journal_no IS NULL END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'match % has no journal of its own, or is undone already', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bank_match_begins AFTER INSERT ON bank_match REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION check_new_matches();

-- Run as text, so that each batch is planned for its own size.
CREATE FUNCTION check_matched_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    EXECUTE $sql$
        SELECT min(m.match_no) FROM bank_match m
        JOIN (SELECT b.match_no, sum(l.amount_tiyn) AS total, bool_and(b.active) AS active,
                     min(l.agency_id) AS first_agency, max(l.agency_id) AS last_agency
              FROM (SELECT DISTINCT match_no FROM added) a
              JOIN bank_match_line b USING (match_no) JOIN bank_line l USING (line_no)
              GROUP BY 1) one USING (match_no)
        WHERE NOT active OR m.undone_at IS NOT NULL OR total <> m.lines_tiyn
            OR first_agency <> m.agency_id OR last_agency <> m.agency_id $sql$ INTO wrong;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of match % are not what it was made of', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bank_match_line_begins AFTER INSERT ON bank_match_line REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_matched_lines();

CREATE FUNCTION check_matched_items() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    EXECUTE $sql$
        SELECT min(m.match_no) FROM bank_match m
        JOIN (SELECT b.match_no, sum(i.amount_tiyn) AS total, bool_and(b.active) AS active,
                     bool_or(i.cancelled_at IS NOT NULL) AS cancelled,
                     min(i.agency_id) AS first_agency, max(i.agency_id) AS last_agency
              FROM (SELECT DISTINCT match_no FROM added) a
              JOIN bank_match_item b USING (match_no) JOIN finance_item i USING (item_no)
              GROUP BY 1) one USING (match_no)
        WHERE NOT active OR cancelled OR m.undone_at IS NOT NULL OR total <> m.items_tiyn
            OR first_agency <> m.agency_id OR last_agency <> m.agency_id $sql$ INTO wrong;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the items of match % are not what it was made of', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bank_match_item_begins AFTER INSERT ON bank_match_item REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_matched_items();

CREATE FUNCTION check_match_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.undone_at IS NULL OR NEW.undone_by !~ '\S' OR NEW.undo_reason !~ '\S' THEN
        RAISE EXCEPTION 'match % changes by being undone, by somebody and for a reason',
            OLD.match_no USING ERRCODE = 'check_violation';
    ELSIF (OLD.journal_no IS NULL) <> (NEW.undo_journal_no IS NULL)
            OR OLD.journal_no IS NOT NULL AND NOT EXISTS (
                SELECT FROM journal WHERE journal_no = NEW.undo_journal_no
                    AND agency_id = OLD.agency_id AND reverses = OLD.journal_no) THEN
        RAISE EXCEPTION 'match % is undone by the reversal of journal %, and nothing else',
            OLD.match_no, OLD.journal_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_match_undone_whole BEFORE UPDATE ON bank_match
    FOR EACH ROW EXECUTE FUNCTION check_match_undone();

CREATE FUNCTION check_match_released() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM bank_match_line WHERE match_no = NEW.match_no AND active)
            OR EXISTS (SELECT FROM bank_match_item WHERE match_no = NEW.match_no AND active)
            OR EXISTS (SELECT FROM finance_item WHERE agency_id = NEW.agency_id
                           AND source_key = 'remainder:' || NEW.source_key
                           AND cancelled_at IS NULL) THEN
        RAISE EXCEPTION 'match % is undone: its lines and items are open again, all of them, and'
            ' what it left to be paid is not', NEW.match_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bank_match_released AFTER UPDATE ON bank_match
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_match_released();

CREATE FUNCTION check_match_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.active OR to_jsonb(NEW) - 'active' <> to_jsonb(OLD) - 'active' THEN
        RAISE EXCEPTION 'what is in match % stays as it was made', OLD.match_no
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT EXISTS (SELECT FROM bank_match
                      WHERE match_no = OLD.match_no AND undone_at IS NOT NULL) THEN
        RAISE EXCEPTION 'match % is not undone: its lines and items are in it', OLD.match_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_match_line_released BEFORE UPDATE ON bank_match_line
    FOR EACH ROW EXECUTE FUNCTION check_match_part();
CREATE TRIGGER bank_match_item_released BEFORE UPDATE ON bank_match_item
    FOR EACH ROW EXECUTE FUNCTION check_match_part();

-- Whoever makes a match locks its items first, and so does whoever cancels one.
CREATE FUNCTION check_item_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.cancelled_at IS NOT NULL OR NEW.cancelled_at IS NULL THEN
        RAISE EXCEPTION 'item % is cancelled once, and for good', OLD.item_no
            USING ERRCODE = 'insufficient_privilege';
    ELSIF EXISTS (SELECT FROM bank_match_item WHERE item_no = OLD.item_no AND active) THEN
        RAISE EXCEPTION 'item % is paid: undo its match first', OLD.item_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER finance_item_cancelled BEFORE UPDATE OF cancelled_at ON finance_item
    FOR EACH ROW EXECUTE FUNCTION check_item_cancelled();

-- Days: stages, totals and signatures are of the revision that is to be closed next, a report of the
-- close that is being made.
CREATE FUNCTION open_revision(of_agency text, of_date date) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN b.revision IS NULL THEN 1
                WHEN EXISTS (SELECT FROM day_reopening r
                             WHERE (r.agency_id, r.business_date, r.revision)
                                 = (b.agency_id, b.business_date, b.revision)) THEN b.revision + 1
           END
    FROM (VALUES (of_agency, of_date)) AS day (agency_id, business_date)
    LEFT JOIN business_day b USING (agency_id, business_date)
$$;

CREATE FUNCTION check_day_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM check_isolation();
    -- held already by the product; a statement of its own: what the next one sees is then settled
    PERFORM pg_advisory_xact_lock_shared(1935765857, hashtext(NEW.agency_id));
    IF NEW.revision IS DISTINCT FROM open_revision(NEW.agency_id, NEW.business_date) THEN
        RAISE EXCEPTION 'revision % of % is closed, or has not begun', NEW.revision,
            NEW.business_date USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER day_stage_begun BEFORE INSERT ON day_stage
    FOR EACH ROW EXECUTE FUNCTION check_day_revision();
CREATE TRIGGER day_totals_begun BEFORE INSERT ON day_totals
    FOR EACH ROW EXECUTE FUNCTION check_day_revision();
CREATE TRIGGER day_signature_begun BEFORE INSERT ON day_signature
    FOR EACH ROW EXECUTE FUNCTION check_day_revision();

-- The moment of a close is the database's, whatever is asked for: a report is told by it.
CREATE FUNCTION stamp_business_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.closed_by !~ '\S' THEN
        RAISE EXCEPTION '% is closed by somebody', NEW.business_date
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.closed_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER business_day_stamped BEFORE INSERT OR UPDATE ON business_day
    FOR EACH ROW EXECUTE FUNCTION stamp_business_day();

CREATE FUNCTION check_day_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM business_day b
                   WHERE (b.agency_id, b.business_date, b.revision)
                       = (NEW.agency_id, NEW.business_date, NEW.revision)
                       AND b.closed_at >= now()) THEN
        RAISE EXCEPTION 'a report of % is made with its close, and then alone', NEW.business_date
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER day_report_of_close BEFORE INSERT ON day_report
    FOR EACH ROW EXECUTE FUNCTION check_day_report();

-- Statements of carriers: a draft, issued over its lines, paid by an order that another person made;
-- or ended, where nothing is to be paid and nothing is on hold.
ALTER TABLE settlement_statement
    DROP CONSTRAINT settlement_statement_status_check,
    ADD CONSTRAINT settlement_statement_status_check
        CHECK (status IN ('draft', 'issued', 'paid', 'ended'));

CREATE FUNCTION statement_waits(of_statement bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(p.payable_tiyn), 0)::bigint
    FROM carrier_dispute_step p JOIN carrier_dispute d USING (dispute_no)
    WHERE d.statement_no = of_statement AND p.order_no IS NULL
        AND NOT EXISTS (SELECT FROM settlement_line l WHERE l.step_no = p.step_no)
$$;

CREATE OR REPLACE FUNCTION refuse_issued_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lines bigint;
    total bigint;
BEGIN
    IF (OLD.statement_no, OLD.agency_id, OLD.carrier_no, OLD.from_date, OLD.to_date, OLD.part,
        OLD.made_at, OLD.made_by) IS DISTINCT FROM
       (NEW.statement_no, NEW.agency_id, NEW.carrier_no, NEW.from_date, NEW.to_date, NEW.part,
        NEW.made_at, NEW.made_by)
       OR NOT (OLD.status, NEW.status)
              IN (('draft', 'issued'), ('issued', 'paid'), ('issued', 'ended'))
       OR OLD.status = 'issued'
          AND (OLD.number_year, OLD.number_in_year, OLD.total_tiyn, OLD.digest, OLD.issued_at,
               OLD.issued_by) IS DISTINCT FROM
              (NEW.number_year, NEW.number_in_year, NEW.total_tiyn, NEW.digest, NEW.issued_at,
               NEW.issued_by)
    THEN
        RAISE EXCEPTION 'statement % is %: it cannot change so', OLD.statement_no, OLD.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.status = 'issued' THEN
        SELECT count(*), sum(payable_tiyn) INTO lines, total
        FROM settlement_line WHERE statement_no = NEW.statement_no;
        IF lines = 0 OR total <> NEW.total_tiyn OR NEW.issued_by !~ '\S' THEN
            RAISE EXCEPTION 'statement % is issued by somebody, over what its lines come to',
                NEW.statement_no USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.status = 'paid' AND NOT EXISTS (
            SELECT FROM payment_order WHERE order_no = NEW.order_no
                AND (agency_id, carrier_no) = (NEW.agency_id, NEW.carrier_no)) THEN
        RAISE EXCEPTION 'statement % is not of the carrier that order % pays', NEW.statement_no,
            NEW.order_no USING ERRCODE = 'check_violation';
    ELSIF NEW.status = 'paid' AND NEW.total_tiyn > 0 AND EXISTS (
            SELECT FROM payment_order
            WHERE order_no = NEW.order_no AND made_by = NEW.issued_by) THEN
        RAISE EXCEPTION 'statement % was issued by %: another person pays it', NEW.statement_no,
            NEW.issued_by USING ERRCODE = 'check_violation';
    ELSIF NEW.status = 'ended' AND (
            NEW.total_tiyn + statement_waits(NEW.statement_no) <> 0
            OR EXISTS (SELECT FROM carrier_dispute
                       WHERE statement_no = NEW.statement_no AND status = 'open')) THEN
        RAISE EXCEPTION 'statement % has something to be paid or decided', NEW.statement_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION refuse_new_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a statement begins as a draft' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER settlement_statement_begins BEFORE INSERT ON settlement_statement
    FOR EACH ROW WHEN (NEW.status <> 'draft') EXECUTE FUNCTION refuse_new_statement();

-- Those that came to nothing before there was an end for them.
UPDATE settlement_statement s SET status = 'ended'
WHERE status = 'issued' AND total_tiyn + statement_waits(statement_no) = 0
  AND NOT EXISTS (SELECT FROM carrier_dispute d
                  WHERE d.statement_no = s.statement_no AND d.status = 'open');

-- An order pays what the statements and the holds that name it come to, to the tiyn.
CREATE FUNCTION check_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT amount_tiyn FROM payment_order WHERE order_no = NEW.order_no) IS DISTINCT FROM
            (SELECT sum(total_tiyn) FROM settlement_statement WHERE order_no = NEW.order_no)
            + (SELECT coalesce(sum(payable_tiyn), 0) FROM carrier_dispute_step
               WHERE order_no = NEW.order_no) THEN
        RAISE EXCEPTION 'order % is not what its statements come to', NEW.order_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payment_order_sum AFTER INSERT ON payment_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order();
CREATE CONSTRAINT TRIGGER settlement_statement_order AFTER UPDATE ON settlement_statement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_no IS NOT NULL)
    EXECUTE FUNCTION check_order();
CREATE CONSTRAINT TRIGGER carrier_dispute_step_order AFTER UPDATE ON carrier_dispute_step
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_no IS NOT NULL)
    EXECUTE FUNCTION check_order();

-- Disputes: opened, decided once; each step is the whole of one, and is paid once.
CREATE FUNCTION check_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status <> 'open' THEN
        RAISE EXCEPTION 'a dispute begins open' USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'UPDATE' AND (
            OLD.status <> 'open' OR NEW.status = 'open' OR NEW.decided_by !~ '\S'
            OR (OLD.dispute_no, OLD.agency_id, OLD.statement_no, OLD.amount_tiyn, OLD.reason,
                OLD.opened_at, OLD.opened_by) IS DISTINCT FROM
               (NEW.dispute_no, NEW.agency_id, NEW.statement_no, NEW.amount_tiyn, NEW.reason,
                NEW.opened_at, NEW.opened_by)) THEN
        RAISE EXCEPTION 'dispute % is decided once, and changes by nothing else', OLD.dispute_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER carrier_dispute_checked BEFORE INSERT OR UPDATE ON carrier_dispute
    FOR EACH ROW EXECUTE FUNCTION check_dispute();

CREATE FUNCTION check_dispute_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.order_no IS NOT NULL OR NOT EXISTS (
            SELECT FROM carrier_dispute d JOIN journal j ON j.journal_no = NEW.journal_no
                AND j.agency_id = d.agency_id
            WHERE d.dispute_no = NEW.dispute_no AND d.amount_tiyn = abs(NEW.payable_tiyn))) THEN
        RAISE EXCEPTION 'a step of dispute % is its whole amount, posted and not paid yet',
            NEW.dispute_no USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'UPDATE' AND (
            OLD.order_no IS NOT NULL OR NEW.order_no IS NULL
            OR (OLD.step_no, OLD.dispute_no, OLD.payable_tiyn, OLD.journal_no) IS DISTINCT FROM
               (NEW.step_no, NEW.dispute_no, NEW.payable_tiyn, NEW.journal_no)) THEN
        RAISE EXCEPTION 'a step of dispute % is paid once, and changes by nothing else',
            OLD.dispute_no USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER carrier_dispute_step_checked BEFORE INSERT OR UPDATE ON carrier_dispute_step
    FOR EACH ROW EXECUTE FUNCTION check_dispute_step();

-- Tariffs: one person proposes, another approves; both have their roles. Without them there is the
-- first tariff of an agency alone, for a reason that stands with it.
ALTER TABLE tariff_version
    ADD COLUMN alone_reason text CHECK (alone_reason ~ '\S'),  -- why nobody had to approve it
    ADD COLUMN was_published boolean NOT NULL DEFAULT false,  -- ever; taking it back leaves this
    ADD CONSTRAINT tariff_version_alone CHECK (
        alone_reason IS NULL OR effective_from IS NOT NULL) NOT VALID;
ALTER TABLE tariff_proposal
    ADD CONSTRAINT tariff_proposal_two_people CHECK (
        decision IS DISTINCT FROM 'approved'
        OR decided_by_no IS NOT NULL AND decided_by_no <> proposed_by_no) NOT VALID;

CREATE FUNCTION check_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.decision IS NOT NULL THEN
        RAISE EXCEPTION 'a proposal begins open' USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'INSERT' AND NOT person_has_role(
            NEW.proposed_by_no, NEW.agency_id, ARRAY['accountant', 'chief_accountant']) THEN
        RAISE EXCEPTION 'person % is no accountant of %', NEW.proposed_by_no, NEW.agency_id
            USING ERRCODE = 'insufficient_privilege';
    ELSIF TG_OP = 'UPDATE' AND (
            OLD.decision IS NOT NULL OR NEW.decision IS NULL OR NEW.decided_by_no IS NULL
            OR (OLD.proposal_no, OLD.agency_id, OLD.version_no, OLD.effective_from, OLD.note,
                OLD.proposed_at, OLD.proposed_by, OLD.proposed_by_no) IS DISTINCT FROM
               (NEW.proposal_no, NEW.agency_id, NEW.version_no, NEW.effective_from, NEW.note,
                NEW.proposed_at, NEW.proposed_by, NEW.proposed_by_no)) THEN
        RAISE EXCEPTION 'proposal % is decided once, by a person, and changes by nothing else',
            OLD.proposal_no USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.decision = 'approved' AND NOT person_has_role(
            NEW.decided_by_no, NEW.agency_id, ARRAY['chief_accountant']) THEN
        RAISE EXCEPTION 'person % is no chief_accountant of %', NEW.decided_by_no, NEW.agency_id
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.decision = 'withdrawn' AND NEW.decided_by_no <> NEW.proposed_by_no THEN
        RAISE EXCEPTION 'proposal % is withdrawn by who made it', NEW.proposal_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tariff_proposal_checked BEFORE INSERT OR UPDATE ON tariff_proposal
    FOR EACH ROW EXECUTE FUNCTION check_proposal();

UPDATE tariff_version SET was_published = true WHERE effective_from IS NOT NULL;
CREATE FUNCTION note_publication() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.was_published := NEW.effective_from IS NOT NULL
        OR CASE TG_OP WHEN 'UPDATE' THEN OLD.was_published ELSE false END;
    RETURN NEW;
END
$$;
CREATE TRIGGER tariff_version_noted BEFORE INSERT OR UPDATE ON tariff_version
    FOR EACH ROW EXECUTE FUNCTION note_publication();

CREATE FUNCTION check_publication() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.effective_from, OLD.alone_reason) IS NOT DISTINCT FROM
                            (NEW.effective_from, NEW.alone_reason) THEN
        RETURN NEW;
    ELSIF NEW.alone_reason IS NULL AND NOT EXISTS (
            SELECT FROM tariff_proposal p
            WHERE (p.agency_id, p.version_no, p.effective_from, p.decision)
                = (NEW.agency_id, NEW.version_no, NEW.effective_from, 'approved')) THEN
        RAISE EXCEPTION 'nobody has approved that version % of % holds from %', NEW.version_no,
            NEW.agency_id, NEW.effective_from USING ERRCODE = 'check_violation';
    ELSIF NEW.alone_reason IS NOT NULL AND EXISTS (
            SELECT FROM tariff_version o
            WHERE o.agency_id = NEW.agency_id AND o.version_no <> NEW.version_no
                AND o.was_published) THEN
        RAISE EXCEPTION '% has a tariff, or had one: another is put into force by two people',
            NEW.agency_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tariff_version_published BEFORE INSERT OR UPDATE ON tariff_version
    FOR EACH ROW WHEN (NEW.effective_from IS NOT NULL) EXECUTE FUNCTION check_publication();
CREATE TRIGGER tariff_version_evidence BEFORE UPDATE OF agency_id, version_no, name, digest, zip,
    created_at, created_by ON tariff_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Registers: one that was replaced stays replaced. The same file may come once more and stand again,
-- as another register.
DROP INDEX register_file;
CREATE INDEX register_file ON register (agency_id, party, party_id, day, digest);
CREATE FUNCTION check_register() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.replaced_at IS NOT NULL OR NEW.replaced_at IS NULL) THEN
        RAISE EXCEPTION 'register % is replaced once, and for good', OLD.register_no
            USING ERRCODE = 'insufficient_privilege';
    ELSIF TG_OP = 'INSERT' AND EXISTS (SELECT FROM register
                                       WHERE register_no = NEW.replaces AND digest = NEW.digest) THEN
        RAISE EXCEPTION 'register % is of the same file', NEW.replaces
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER register_replaced BEFORE INSERT OR UPDATE OF replaced_at ON register
    FOR EACH ROW EXECUTE FUNCTION check_register();

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['ticketing_exception', 'bank_match_line', 'bank_match_item',
                                'tariff_proposal', 'tariff_version'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION refuse_change()', kept || '_kept', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['ticketing_exception', 'bank_match', 'bank_match_line',
                                'bank_match_item', 'finance_item', 'settlement_statement',
                                'carrier_dispute', 'carrier_dispute_step', 'tariff_proposal',
                                'tariff_version'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                       kept || '_not_truncated', kept);
    END LOOP;
END
$$;
