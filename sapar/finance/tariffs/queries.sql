-- The tariff desk: proposals of when a version comes into force.

-- name: list_proposals
-- All of an agency, the newest first.
SELECT proposal_no, version_no, extract(epoch FROM effective_from)::float8, note,
       extract(epoch FROM proposed_at)::float8, proposed_by, proposed_by_no, decision,
       extract(epoch FROM decided_at)::float8, decided_by, decided_note
FROM tariff_proposal WHERE agency_id = %(agency_id)s ORDER BY proposal_no DESC LIMIT 200;

-- name: find_version
SELECT effective_from FROM tariff_version
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: has_role
-- Whether a person who has not left has one of the roles in the agency or in all.
SELECT person_has_role(%(user_id)s, %(agency_id)s, %(roles)s::text[]);

-- name: add_proposal
-- Nothing when one is open for the version.
INSERT INTO tariff_proposal (agency_id, version_no, effective_from, note, proposed_at, proposed_by,
                             proposed_by_no)
VALUES (%(agency_id)s, %(version_no)s, %(effective_from)s, %(note)s, %(now)s, %(person)s,
        %(user_id)s)
ON CONFLICT (agency_id, version_no) WHERE decision IS NULL DO NOTHING
RETURNING proposal_no;

-- name: lock_proposal
-- One decision at a time.
SELECT version_no, effective_from, proposed_by, proposed_by_no, decision
FROM tariff_proposal
WHERE agency_id = %(agency_id)s AND proposal_no = %(proposal_no)s FOR UPDATE;

-- name: decide
-- What became of it, who said so and why.
UPDATE tariff_proposal
SET decision = %(decision)s, decided_at = %(now)s, decided_by = %(person)s,
    decided_by_no = %(user_id)s, decided_note = %(note)s
WHERE proposal_no = %(proposal_no)s;

-- name: references
-- References of cards, for their labels.
SELECT card_no, card_ref FROM card
WHERE agency_id = %(agency_id)s AND card_no = ANY(%(card_nos)s::bigint[]);
