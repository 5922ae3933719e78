-- name: other_holder
-- A number that is tied to another card already.
SELECT 1 FROM card_pin p JOIN card c USING (card_no)
WHERE p.number_hash = %(number_hash)s
  AND (c.agency_id, c.card_ref) <> (%(agency_id)s, %(card_ref)s);

-- name: set_pin
-- The newest PIN and number of a card stand alone.
INSERT INTO card_pin (card_no, number_hash, pin_hash, set_at, set_by)
SELECT card_no, %(number_hash)s, %(pin_hash)s, %(now)s, %(actor)s FROM card
WHERE agency_id = %(agency_id)s AND card_ref = %(card_ref)s
ON CONFLICT (card_no) DO UPDATE
SET number_hash = excluded.number_hash, pin_hash = excluded.pin_hash, set_at = excluded.set_at,
    set_by = excluded.set_by;

-- name: one_at_a_time
-- Always the number first, then the address, so that two look-ups never wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(card)s, 'hex'), 0)),
       pg_advisory_xact_lock(hashtextextended(encode(%(address)s, 'hex'), 0));

-- name: count_failures
-- Of the number in the short span and the long one, then of the address.
SELECT count(*) FILTER (WHERE subject = %(card)s AND failed_at >= %(short)s),
       count(*) FILTER (WHERE subject = %(card)s),
       count(*) FILTER (WHERE subject = %(address)s AND failed_at >= %(short)s),
       count(*) FILTER (WHERE subject = %(address)s)
FROM card_lookup_failure
WHERE subject IN (%(card)s, %(address)s) AND failed_at >= %(long)s;

-- name: count_try
-- Counts a look-up as failed until it turns out right, and drops what is too old to count.
WITH old AS (DELETE FROM card_lookup_failure WHERE failed_at < %(long)s)
INSERT INTO card_lookup_failure (subject, failed_at)
VALUES (%(card)s, %(wall)s), (%(address)s, %(wall)s);

-- name: find_pin
SELECT c.card_ref, p.pin_hash FROM card_pin p JOIN card c USING (card_no)
WHERE p.number_hash = %(number_hash)s AND c.agency_id = %(agency_id)s;

-- name: forgive
-- A right PIN proves the holder: the card's own failures are forgotten, and the one of this very
-- look-up for the address, whose other failures stay.
DELETE FROM card_lookup_failure
WHERE subject = %(card)s OR (subject = %(address)s AND failed_at = %(wall)s);

-- name: may_take_role
SELECT pg_has_role(rolname, 'MEMBER') FROM pg_roles WHERE rolname = %(role)s;
