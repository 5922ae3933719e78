-- An approval of a tariff is good for one publication.

-- It counts in the transaction that gave it, as the program asks: who decides a proposal writes its
-- row, and a decided row never changes, so the row's xmin is the approving transaction for ever. Thus
-- nothing has to be marked as used, and a version that was moved or withdrawn holds from a moment that
-- was approved before only after it is approved anew. A function is exchanged; no table is touched.
CREATE OR REPLACE FUNCTION check_publication() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.effective_from, OLD.alone_reason) IS NOT DISTINCT FROM
                            (NEW.effective_from, NEW.alone_reason) THEN
        RETURN NEW;
    ELSIF NEW.alone_reason IS NULL AND NOT EXISTS (
            SELECT FROM tariff_proposal p
            WHERE (p.agency_id, p.version_no, p.effective_from, p.decision)
                = (NEW.agency_id, NEW.version_no, NEW.effective_from, 'approved')
                AND p.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'nobody has approved in this transaction that version % of % holds from %',
            NEW.version_no, NEW.agency_id, NEW.effective_from USING ERRCODE = 'check_violation';
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
