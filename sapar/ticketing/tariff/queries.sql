-- Versions of an agency's tariff: drafts, and those that hold from a moment on.

-- name: lock_agency
-- One change of an agency's tariffs at a time; gives its time zone.
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s FOR NO KEY UPDATE;

-- name: agency_zone
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: find_version_by_digest
-- The oldest version of the same files.
SELECT version_no FROM tariff_version
WHERE agency_id = %(agency_id)s AND digest = %(digest)s
ORDER BY version_no LIMIT 1;

-- name: add_version
-- A draft with the next number.
INSERT INTO tariff_version (agency_id, version_no, name, digest, zip, created_at, created_by)
SELECT %(agency_id)s, coalesce(max(version_no), 0) + 1, %(name)s, %(digest)s, %(zip)s, %(now)s,
       %(actor)s
FROM tariff_version WHERE agency_id = %(agency_id)s
RETURNING version_no;

-- name: find_zip
SELECT zip, effective_from FROM tariff_version
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: list_versions
-- All versions of one agency, or of all: published ones in the order in which they hold, drafts last.
SELECT agency_id, version_no, name, digest, length(zip) AS zip_bytes, effective_from, created_at,
       created_by, published_at, published_by
FROM tariff_version
WHERE %(agency_id)s::text IS NULL OR agency_id = %(agency_id)s
ORDER BY agency_id, effective_from NULLS LAST, version_no;

-- name: published_zips
-- What prices taps, in order of time.
SELECT version_no, digest, zip, effective_from FROM tariff_version
WHERE agency_id = %(agency_id)s AND effective_from IS NOT NULL
ORDER BY effective_from;

-- name: find_approval
-- That somebody approves a version for this moment, which another person had proposed, in this very
-- transaction: an approval publishes once, and another publication needs another one.
SELECT proposal_no FROM tariff_proposal
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s
  AND effective_from = %(effective_from)s AND decision = 'approved'
  AND xmin = pg_current_xact_id()::xid
LIMIT 1;

-- name: publish
-- Let a version hold from a moment on; null makes it a draft again.
UPDATE tariff_version
SET effective_from = %(effective_from)s, alone_reason = %(alone)s,
    published_at = CASE WHEN %(effective_from)s::timestamptz IS NOT NULL THEN %(now)s::timestamptz END,
    published_by = CASE WHEN %(effective_from)s::timestamptz IS NOT NULL THEN %(actor)s::text END
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;
