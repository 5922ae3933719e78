-- The card desk: finding a card, who looked at it, and what a statement does not have.

-- name: find_by_reference
SELECT card_no FROM card WHERE agency_id = %(agency_id)s AND card_ref = %(card_ref)s;

-- name: find_by_number
-- By the keyed hash of the number that is printed on the card.
SELECT p.card_no FROM card_pin p JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND p.number_hash = %(number_hash)s;

-- name: card_of_tap
SELECT t.card_no FROM tap t JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND t.tap_no = %(tap_no)s;

-- name: reference_of
SELECT card_ref FROM card WHERE agency_id = %(agency_id)s AND card_no = %(card_no)s;

-- name: was_looked_up
-- Whether a person has said in this session why the card is looked at.
SELECT EXISTS (
    SELECT FROM audit_log
    WHERE target = %(target)s AND action = 'card.look_up' AND user_id = %(user_id)s
      AND agency_id = %(agency_id)s AND (after ->> 'session')::bigint = %(session_no)s);

-- name: taps_of_card
-- Counters of a card's taps, and what its validators said beside.
SELECT tap_no, counter, (extract(epoch FROM event_at) * 1000)::bigint, medium, allowed
FROM tap WHERE card_no = %(card_no)s;

-- name: cards_by_reference
-- The cards of a replacement, by reference.
SELECT card_ref, card_no FROM card
WHERE agency_id = %(agency_id)s AND card_ref = ANY(%(card_refs)s::text[]);

-- name: operations_of_card
-- The newest operations with their receipts; the reason is in the audit log, where a desk wrote it.
-- Of a pass that was taken back: with what its sale had moved.
SELECT o.source_key, o.kind, o.actor, (extract(epoch FROM o.event_at) * 1000)::bigint,
       (extract(epoch FROM o.done_at) * 1000)::bigint,
       CASE WHEN o.kind <> 'take_back_pass' THEN o.request
            ELSE o.request || jsonb_build_object('amount_tiyn',
                (SELECT max(amount) FROM journal j, unnest(j.amounts) AS amount
                 WHERE j.journal_no = (o.receipt ->> 'journal_no')::bigint)) END, o.receipt,
       coalesce((SELECT a.reason FROM audit_log a
                 WHERE a.target = %(target)s AND a.agency_id = o.agency_id
                   AND a.after ->> 'key' = o.source_key LIMIT 1), '')
FROM card_operation o WHERE o.card_no = %(card_no)s
ORDER BY o.done_at DESC, o.source_key LIMIT 200;

-- name: made_owed
-- Whether a person has taken money off a card for its holder.
SELECT EXISTS (SELECT FROM card_operation
               WHERE card_no = %(card_no)s AND kind IN ('withdraw', 'return')
                 AND actor = %(actor)s);

-- name: journal_head
-- A journal; numbers are unique within the agency's whole ledger.
SELECT j.journal_no, j.kind, j.source_key, j.tap_no, j.card_no, j.service_date, j.business_date,
       (extract(epoch FROM j.event_at) * 1000)::bigint,
       (extract(epoch FROM j.posted_at) * 1000)::bigint, j.rule, j.reverses, j.actor,
       (SELECT c.card_ref FROM card c WHERE c.card_no = j.card_no)
FROM journal j WHERE j.agency_id = %(agency_id)s AND j.journal_no = %(journal_no)s;

-- name: journal_entries
-- Its entries with the accounts; an account of a card has its card instead of code and owner.
SELECT e.account_no, e.amount, a.code, a.owner, c.card_no, c.card_ref
FROM entry e
LEFT JOIN account a ON a.account_no = e.account_no
LEFT JOIN card c ON e.account_no > 0 AND c.card_no = e.account_no >> 3
WHERE e.journal_no = %(journal_no)s AND e.agency_id = %(agency_id)s
ORDER BY e.line;

-- name: category_of
SELECT category FROM card WHERE card_no = %(card_no)s;

-- name: refund_channels
SELECT owner FROM account WHERE agency_id = %(agency_id)s AND code = 2510 ORDER BY owner LIMIT 50;
