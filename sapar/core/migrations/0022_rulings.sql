-- Rulings of people on held taps, and seals that are proved later, when the key is known.
--
-- It runs on a database that is full and in use: a column without a default, a constraint that is
-- NOT VALID and a trigger cost a lock on `tap` for an instant; no row is read or written.

-- What people said of held taps: `accept`, it is a ride whatever other records say; `reject`, it is
-- none. Of several about one tap the newest counts.
CREATE TABLE tap_ruling (
    ruling_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id text NOT NULL REFERENCES agency,
    tap_no    bigint NOT NULL,
    verdict   text NOT NULL CHECK (verdict IN ('accept', 'reject')),
    code      text,                -- why the tap was held then; null: an earlier ruling let it ride
    reason    text NOT NULL CHECK (reason ~ '\S'),
    actor     text NOT NULL CHECK (actor ~ '\S' AND actor <> 'sapar'),
    user_id   int REFERENCES person,
    ruled_at  timestamptz NOT NULL
);
CREATE INDEX tap_ruling_tap ON tap_ruling (tap_no, ruled_at);
CREATE TRIGGER tap_ruling_append_only BEFORE UPDATE OR DELETE ON tap_ruling
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tap_ruling_not_truncated BEFORE TRUNCATE ON tap_ruling
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The newest ruling stands on the tap, where judging reads it.
ALTER TABLE tap
    ADD COLUMN ruling text,
    ADD COLUMN ruled_at timestamptz,
    ADD CONSTRAINT tap_ruled CHECK ((ruling IS NULL) = (ruled_at IS NULL)) NOT VALID;

CREATE FUNCTION check_tap_ruling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
            SELECT FROM (SELECT verdict, ruled_at FROM tap_ruling WHERE tap_no = NEW.tap_no
                         ORDER BY ruled_at DESC, verdict DESC LIMIT 1) AS newest
            WHERE newest.verdict = NEW.ruling AND newest.ruled_at = NEW.ruled_at) THEN
        RAISE EXCEPTION 'the ruling on tap % is not its newest', NEW.tap_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tap_ruling_newest BEFORE UPDATE OF ruling, ruled_at ON tap
    FOR EACH ROW EXECUTE FUNCTION check_tap_ruling();

-- A seal is judged again for want of a key alone: a good one stays good, and what a key has
-- disproved, or was sealed with a revoked one, stays so.
CREATE TRIGGER tap_seal BEFORE UPDATE OF sealed ON tap
    FOR EACH ROW WHEN (coalesce(OLD.sealed, '') NOT IN
                       ('unknown_key', 'key_not_valid', 'wrong_algorithm'))
    EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE VIEW tap_evidence AS
SELECT tap_no, device_no, epoch, seq, digest,
       (extract(epoch FROM device_time) * 1000)::bigint AS device_ms, card_no, counter, vehicle_id,
       route_id, medium, num_riders, allowed, denylist_version, claimed_tiyn,
       synchronized, boot_no, uptime_ms,
       (extract(epoch FROM received_at) * 1000)::bigint AS received_ms, sealed,
       (extract(epoch FROM event_at) * 1000)::bigint AS event_ms, service_date, status, code,
       carrier_no, product_id, rider_category, tariff_version, nominal_tiyn,
       charged_tiyn, adjustments, rule, revision,
       ruling, (extract(epoch FROM ruled_at) * 1000000)::bigint AS ruled_us
FROM tap;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT ON tap_ruling TO sapar_ticketing;
        GRANT UPDATE (sealed, ruling, ruled_at) ON tap TO sapar_ticketing;
    END IF;
END
$$;
