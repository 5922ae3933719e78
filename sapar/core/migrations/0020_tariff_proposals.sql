-- Finance: a tariff comes into force by two people: one proposes when, another approves.

CREATE TABLE tariff_proposal (
    proposal_no    int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id      text NOT NULL,
    version_no     int NOT NULL,
    effective_from timestamptz NOT NULL,
    note           text NOT NULL DEFAULT '',
    proposed_at    timestamptz NOT NULL,
    proposed_by    text NOT NULL,
    proposed_by_no int NOT NULL,           -- the person's number: names may be given anew
    decision       text CHECK (decision IN ('approved', 'declined', 'withdrawn')),
    decided_at     timestamptz,
    decided_by     text,
    decided_by_no  int,
    decided_note   text NOT NULL DEFAULT '',
    FOREIGN KEY (agency_id, version_no) REFERENCES tariff_version,
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK ((decision IS NULL) = (decided_by IS NULL)),
    CHECK (decision IS DISTINCT FROM 'approved' OR decided_by_no <> proposed_by_no)
);
-- one open question a version
CREATE UNIQUE INDEX tariff_proposal_open ON tariff_proposal (agency_id, version_no)
    WHERE decision IS NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT, UPDATE ON tariff_proposal TO sapar_ticketing;
    END IF;
END
$$;
