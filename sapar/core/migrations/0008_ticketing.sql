-- Ticketing: keys and evidence of taps, cards, tariffs, the double-entry ledger and its chain.
-- Amounts are whole tiyn (1/100 tenge); a debit is positive, a credit negative.

CREATE SEQUENCE tap_number;
CREATE SEQUENCE journal_number;
-- accounts that are not of a card; tenge and boardings (`BRD`) each in a range of their own, so
-- that the number alone tells the asset
CREATE SEQUENCE account_number AS bigint INCREMENT -1 MAXVALUE -1 START -1 MINVALUE -1000000000;
CREATE SEQUENCE boarding_account_number AS bigint INCREMENT -1
    MAXVALUE -1000000001 START -1000000001 MINVALUE -2000000000;

-- Which key a device seals its taps with. A shared secret is not here: it is derived from the
-- deployment's master key, the device and the key's number.
CREATE TABLE device_key (
    device_no  int NOT NULL REFERENCES device,
    key_id     int NOT NULL CHECK (key_id >= 0),
    algorithm  text NOT NULL CHECK (algorithm IN ('ed25519', 'hmac-sha256')),
    public_key bytea CHECK ((algorithm = 'ed25519') = (public_key IS NOT NULL)
                            AND octet_length(public_key) = 32),
    valid_from timestamptz NOT NULL,
    revoked_at timestamptz,  -- what was tapped before is still proved by it, and held for review
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_no, key_id)
);
CREATE TRIGGER device_key_changed AFTER INSERT OR UPDATE OR DELETE ON device_key
    FOR EACH ROW EXECUTE FUNCTION notify_devices();

-- Carriers, and which vehicle or route is theirs from when (vehicle before route).
CREATE TABLE carrier (
    carrier_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id  text NOT NULL REFERENCES agency,
    carrier_id text NOT NULL CHECK (carrier_id <> ''),
    name       text NOT NULL,
    UNIQUE (agency_id, carrier_id)
);
CREATE TABLE carrier_service (
    carrier_no int NOT NULL REFERENCES carrier,
    vehicle_id text,
    route_id   text,
    valid      tstzrange NOT NULL CHECK (NOT isempty(valid)),
    CHECK ((vehicle_id IS NULL) <> (route_id IS NULL))
);
CREATE INDEX carrier_service_carrier ON carrier_service (carrier_no);

CREATE TRIGGER carrier_changed AFTER INSERT OR UPDATE OR DELETE ON carrier
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE TRIGGER carrier_service_changed AFTER INSERT OR UPDATE OR DELETE ON carrier_service
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();

-- A tariff is a zip of CSV files (GTFS-Fares v2 and ours); the zip is the truth.
CREATE TABLE tariff_version (
    agency_id      text NOT NULL REFERENCES agency,
    version_no     int NOT NULL CHECK (version_no > 0),
    name           text NOT NULL,
    digest         text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),  -- SHA-256 of the zip
    zip            bytea NOT NULL,
    effective_from timestamptz,  -- null: a draft, which prices nothing
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL,
    published_at   timestamptz,
    published_by   text,
    PRIMARY KEY (agency_id, version_no),
    CHECK ((effective_from IS NULL) = (published_at IS NULL))
);
ALTER TABLE tariff_version ALTER COLUMN zip SET STORAGE EXTERNAL;
CREATE TRIGGER tariff_version_changed AFTER INSERT OR UPDATE OR DELETE ON tariff_version
    FOR EACH STATEMENT EXECUTE FUNCTION notify_devices();
CREATE UNIQUE INDEX tariff_version_effective ON tariff_version (agency_id, effective_from);

-- Cards. The four sums are balances of the card's accounts (numbers card_no * 8 + 0, 1, 2, 3:
-- purse 2110, debt 1210, deposit 2120, pending top-up 2130) in their natural sign.
CREATE TABLE card (
    card_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id    text NOT NULL REFERENCES agency,
    card_ref     text NOT NULL CHECK (card_ref <> ''),
    status       text NOT NULL CHECK (status IN ('unknown', 'active', 'blocked', 'replaced',
                                                 'returned')),
    category     text NOT NULL,             -- rider_category_id now
    category_from timestamptz NOT NULL,     -- since when; before it see card_category
    has_pass     boolean NOT NULL DEFAULT false,  -- any row in card_pass
    has_pending  boolean NOT NULL DEFAULT false,  -- any row in pending_top_up
    has_block    boolean NOT NULL DEFAULT false,  -- any row in card_block
    purse_tiyn   bigint NOT NULL DEFAULT 0 CHECK (purse_tiyn >= 0),
    debt_tiyn    bigint NOT NULL DEFAULT 0 CHECK (debt_tiyn >= 0),
    deposit_tiyn bigint NOT NULL DEFAULT 0 CHECK (deposit_tiyn >= 0),
    pending_tiyn bigint NOT NULL DEFAULT 0 CHECK (pending_tiyn >= 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agency_id, card_ref),
    CHECK (purse_tiyn = 0 OR debt_tiyn = 0)
) WITH (fillfactor = 60);

-- every category a card ever had, from when; the newest stands on the card too
CREATE TABLE card_category (
    card_no    bigint NOT NULL REFERENCES card,
    valid_from timestamptz NOT NULL,
    category   text NOT NULL,
    actor      text NOT NULL,
    PRIMARY KEY (card_no, valid_from)
);

CREATE TABLE card_pass (
    card_no    bigint NOT NULL REFERENCES card,
    journal_no bigint NOT NULL,  -- the sale
    product_id text NOT NULL,
    valid      tstzrange NOT NULL CHECK (NOT isempty(valid)),
    PRIMARY KEY (card_no, journal_no)
);

-- why a card is, or was, on the deny list; the reason must be visible to whoever helps its holder
CREATE TABLE card_block (
    card_no         bigint NOT NULL REFERENCES card,
    blocked_at      timestamptz NOT NULL,
    reason          text NOT NULL CHECK (reason IN ('stolen', 'lost', 'debt', 'fraud', 'replaced',
                                                    'returned', 'other')),
    note            text NOT NULL DEFAULT '',
    actor           text NOT NULL,
    unblocked_at    timestamptz CHECK (unblocked_at > blocked_at),
    unblocked_actor text,
    PRIMARY KEY (card_no, blocked_at)
);
CREATE UNIQUE INDEX card_block_open ON card_block (card_no) WHERE unblocked_at IS NULL;

CREATE TABLE card_replacement (
    old_card_no bigint PRIMARY KEY REFERENCES card,
    new_card_no bigint NOT NULL UNIQUE REFERENCES card,
    replaced_at timestamptz NOT NULL,
    actor       text NOT NULL
);

CREATE TABLE pending_top_up (
    journal_no     bigint PRIMARY KEY,
    card_no        bigint NOT NULL REFERENCES card,
    amount_tiyn    bigint NOT NULL CHECK (amount_tiyn > 0),
    paid_at        timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > paid_at),
    activated_at   timestamptz,  -- when the tap was that moved it to the purse
    moved_by       bigint        -- the journal of the replacement or return that took it instead
);
CREATE INDEX pending_top_up_card ON pending_top_up (card_no);

-- What was given back of a ride's fare.
CREATE TABLE tap_refund (
    journal_no  bigint PRIMARY KEY,
    tap_no      bigint NOT NULL,
    amount_tiyn bigint NOT NULL CHECK (amount_tiyn >= 0),  -- 0: only the boarding was taken back
    reason      text NOT NULL
);
CREATE INDEX tap_refund_tap ON tap_refund (tap_no);

-- Every operation on a card that went through, under its client's key: who asked for what, and the
-- answer, which is given again when the same comes again.
CREATE TABLE card_operation (
    agency_id    text NOT NULL REFERENCES agency,
    source_key   text NOT NULL CHECK (source_key <> ''),
    kind         text NOT NULL,
    content_hash bytea NOT NULL,
    card_no      bigint NOT NULL REFERENCES card,
    actor        text NOT NULL,
    event_at     timestamptz NOT NULL,
    request      jsonb NOT NULL,
    receipt      jsonb NOT NULL,
    done_at      timestamptz NOT NULL,
    PRIMARY KEY (agency_id, source_key)
);
CREATE INDEX card_operation_card ON card_operation (card_no);

-- Versions of the deny list; entries say from which version to which a card stood on it.
CREATE TABLE deny_list_version (
    agency_id    text NOT NULL REFERENCES agency,
    version_no   int NOT NULL CHECK (version_no > 0),
    published_at timestamptz NOT NULL,
    cards        int NOT NULL,
    is_full      boolean NOT NULL,  -- went out whole; later deltas are against the newest of these
    spared       bytea NOT NULL,    -- marks of cards that share a hash with a blocked one
    PRIMARY KEY (agency_id, version_no)
);
CREATE TABLE deny_list_entry (
    card_no      bigint NOT NULL REFERENCES card,
    from_version int NOT NULL,
    to_version   int CHECK (to_version > from_version),  -- first version without it
    PRIMARY KEY (card_no, from_version)
);

-- What devices tapped, as received and what it costs now. A plain table: its identity cannot live
-- in a hypertable. Columns from `status` on are the current judgement, all others never change.
CREATE TABLE tap (
    tap_no          bigint NOT NULL,
    device_no       int NOT NULL,
    epoch           bigint NOT NULL,
    seq             bigint NOT NULL,
    digest          bytea NOT NULL CHECK (octet_length(digest) = 16),  -- of the canonical bytes
    device_time     timestamptz NOT NULL,  -- as sent
    card_no         bigint NOT NULL,
    counter         bigint,
    payload         bytea NOT NULL,        -- the record's bytes as received
    vehicle_id      text,                  -- where the device was mounted then
    route_id        text,
    trip_id         text,
    medium          text NOT NULL,
    num_riders      smallint NOT NULL,
    allowed         boolean NOT NULL,      -- the validator let the rider on
    denylist_version bigint,               -- that it decided by
    claimed_tiyn    bigint,                -- what it took from the card, and what was left on it
    balance_tiyn    bigint,
    synchronized    boolean NOT NULL,      -- its clock was set by GNSS or network time
    boot_no         bigint,
    uptime_ms       bigint,
    previous_digest bytea,                 -- of the device's tap before this one, as it says
    received_at     timestamptz NOT NULL,
    sealed          text,                  -- why the seal does not count; null: it is good
    status          text NOT NULL CHECK (status IN ('posted', 'held', 'denied')),
    -- why a person must look at it; a tap that has one and is posted is disputed
    code            text CHECK (status = 'posted' OR (status = 'held') = (code IS NOT NULL)),
    event_at        timestamptz NOT NULL,  -- corrected
    service_date    date NOT NULL,
    carrier_no      int,
    product_id      text,
    rider_category  text,
    tariff_version  int,
    nominal_tiyn    bigint NOT NULL CHECK (nominal_tiyn >= 0),
    charged_tiyn    bigint NOT NULL CHECK (charged_tiyn >= 0),
    adjustments     text NOT NULL,         -- JSON array of [kind, funder, amount_tiyn]
    rule            text NOT NULL,         -- why this fare, in short
    revision        smallint NOT NULL      -- of the journals posted for it; 0: none
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX tap_identity ON tap (device_no, epoch, seq, digest);
CREATE UNIQUE INDEX tap_pkey ON tap (tap_no);
ALTER TABLE tap ADD PRIMARY KEY USING INDEX tap_pkey;
CREATE INDEX tap_card ON tap (card_no, service_date);
CREATE INDEX tap_counter ON tap (card_no, counter) WHERE counter IS NOT NULL;
-- the few whose times are corrected when the device's clock is known
CREATE INDEX tap_unsynchronized ON tap (device_no, epoch, boot_no) WHERE NOT synchronized;
CREATE INDEX tap_received ON tap USING brin (received_at);

-- The columns that judging reads, times in Unix milliseconds; taps/evidence.py knows their order.
CREATE VIEW tap_evidence AS
SELECT tap_no, device_no, epoch, seq, digest,
       (extract(epoch FROM device_time) * 1000)::bigint AS device_ms, card_no, counter, vehicle_id,
       route_id, medium, num_riders, allowed, denylist_version, claimed_tiyn,
       synchronized, boot_no, uptime_ms,
       (extract(epoch FROM received_at) * 1000)::bigint AS received_ms, sealed,
       (extract(epoch FROM event_at) * 1000)::bigint AS event_ms, service_date, status, code,
       carrier_no, product_id, rider_category, tariff_version, nominal_tiyn,
       charged_tiyn, adjustments, rule, revision
FROM tap;

-- The sequence numbers of each device: what lies between the first and the last and was neither
-- received nor voided is an open gap.
CREATE TABLE tap_sequence (
    device_no int NOT NULL REFERENCES device,
    epoch     bigint NOT NULL,
    first_seq bigint,
    last_seq  bigint,
    received  bigint NOT NULL DEFAULT 0,
    voided    bigint NOT NULL DEFAULT 0,  -- signed void, or closed by a person
    PRIMARY KEY (device_no, epoch)
) WITH (fillfactor = 50);
CREATE TABLE tap_gap (
    device_no int NOT NULL,
    epoch     bigint NOT NULL,
    from_seq  bigint NOT NULL,
    to_seq    bigint NOT NULL CHECK (to_seq >= from_seq),
    opened_at timestamptz NOT NULL,
    PRIMARY KEY (device_no, epoch, from_seq),
    FOREIGN KEY (device_no, epoch) REFERENCES tap_sequence
);
CREATE TABLE tap_void (
    device_no int NOT NULL,
    epoch     bigint NOT NULL,
    from_seq  bigint NOT NULL,
    to_seq    bigint NOT NULL CHECK (to_seq >= from_seq),
    how       text NOT NULL CHECK (how IN ('device', 'person')),
    reason    text NOT NULL,
    actor     text NOT NULL,
    voided_at timestamptz NOT NULL,
    PRIMARY KEY (device_no, epoch, from_seq),
    FOREIGN KEY (device_no, epoch) REFERENCES tap_sequence
);

-- What came of the signed voids that devices sent as events (kind `tap_void`).
CREATE TABLE device_void (
    device_no int NOT NULL,
    epoch     bigint NOT NULL,     -- of the event, like the next two
    seq       bigint NOT NULL,
    digest    bigint NOT NULL,
    judged_at timestamptz NOT NULL,
    code      text,                -- why it does not count; null: it does
    PRIMARY KEY (device_no, epoch, seq, digest)
);
CREATE INDEX event_tap_void ON event (device_no) WHERE kind = 'tap_void';

-- What a person must look at. The open ones follow from what is stored, in whatever order it came.
CREATE TABLE ticketing_exception (
    exception_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id    text NOT NULL REFERENCES agency,
    kind         text NOT NULL,
    subject      text NOT NULL,       -- what it is about, e.g. `tap 17`, `card 4`
    tap_no       bigint,
    card_no      bigint,
    device_no    int,
    value_tiyn   bigint NOT NULL DEFAULT 0,
    detail       text NOT NULL,
    opened_at    timestamptz NOT NULL,
    closed_at    timestamptz,
    closed_by    text,
    resolution   text,
    journal_no   bigint
);
CREATE UNIQUE INDEX ticketing_exception_open ON ticketing_exception (agency_id, kind, subject)
    WHERE closed_at IS NULL;
CREATE INDEX ticketing_exception_tap ON ticketing_exception (tap_no);

-- Days that finance has closed: nothing posts with such a business date.
CREATE TABLE business_day (
    agency_id     text NOT NULL REFERENCES agency,
    business_date date NOT NULL,
    closed_at     timestamptz NOT NULL,
    closed_by     text NOT NULL,
    PRIMARY KEY (agency_id, business_date)
);

-- Accounts that are not of a card (see ticketing/accounts.py for the chart).
CREATE TABLE account (
    account_no   bigint PRIMARY KEY CHECK (account_no < 0),
    agency_id    text NOT NULL REFERENCES agency,
    code         smallint NOT NULL,
    owner        text NOT NULL,
    balance      bigint NOT NULL DEFAULT 0,  -- debits less credits
    UNIQUE (agency_id, code, owner)
) WITH (fillfactor = 10);  -- one page a few rows: hot rows are updated in place

CREATE FUNCTION journal_balances(accounts bigint[], amounts bigint[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    tenge numeric := 0;
    boardings numeric := 0;
BEGIN
    IF cardinality(accounts) <> cardinality(amounts) OR cardinality(accounts) < 2 THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(accounts) LOOP
        IF amounts[i] = 0 OR accounts[i] IS NULL THEN
            RETURN false;
        ELSIF accounts[i] < -1000000000 THEN
            boardings := boardings + amounts[i];
        ELSE
            tenge := tenge + amounts[i];
        END IF;
    END LOOP;
    RETURN tenge = 0 AND boardings = 0;
END
$$;

-- Added to the server's transaction numbers, so that a ledger which was restored into another server
-- goes on counting where it was; `sapar ticketing chain rebase` puts another number here.
CREATE FUNCTION xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 0::bigint;

-- Journals with their entries: entry i moves amount[i] on account[i]. One row holds a whole
-- journal, so that it cannot be stored in part, and a plain CHECK holds it balanced.
CREATE TABLE journal (
    journal_no     bigint NOT NULL,
    agency_id      text NOT NULL,
    kind           text NOT NULL,
    source_key     text,       -- the client's idempotency key; null: made from a tap
    content_hash   bytea,      -- of what came with the key
    tap_no         bigint,
    revision       smallint,   -- 1: the tap's fare, from 2: differences
    card_no        bigint,
    service_date   date NOT NULL,
    business_date  date NOT NULL,
    event_at       timestamptz NOT NULL,
    event_at_raw   timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    posted_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    product_id     text,
    rider_category text,
    tariff_version int,
    rule           text NOT NULL,
    reverses       bigint,     -- journal that this one takes back
    actor          text NOT NULL,
    accounts       bigint[] NOT NULL,
    amounts        bigint[] NOT NULL,
    xid            bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint + xid_offset(),
    -- the two forms that nearly all have, tenge alone and tenge with a boarding, are spelt out: the
    -- function costs ten times as much; what holds a null anywhere is refused
    CONSTRAINT journal_balanced CHECK (coalesce(CASE
        WHEN cardinality(accounts) = 2 AND cardinality(amounts) = 2
        THEN amounts[1] = -amounts[2] AND amounts[1] <> 0
            AND (accounts[1] < -1000000000) = (accounts[2] < -1000000000)
        WHEN cardinality(accounts) = 4 AND cardinality(amounts) = 4
            AND accounts[1] >= -1000000000 AND accounts[2] >= -1000000000
            AND accounts[3] < -1000000000 AND accounts[4] < -1000000000
        THEN amounts[1] = -amounts[2] AND amounts[1] <> 0
            AND amounts[3] = -amounts[4] AND amounts[3] <> 0
        ELSE journal_balances(accounts, amounts) END, false)),
    CHECK ((tap_no IS NULL) = (revision IS NULL)),
    CHECK ((source_key IS NULL) = (content_hash IS NULL)),
    CHECK (source_key IS NOT NULL OR tap_no IS NOT NULL OR kind IN ('debt', 'activation'))
);
CREATE UNIQUE INDEX journal_pkey ON journal (journal_no);
ALTER TABLE journal ADD PRIMARY KEY USING INDEX journal_pkey;
CREATE UNIQUE INDEX journal_tap ON journal (tap_no, revision) WHERE tap_no IS NOT NULL;
CREATE UNIQUE INDEX journal_source ON journal (agency_id, source_key) WHERE source_key IS NOT NULL;
CREATE UNIQUE INDEX journal_reverses ON journal (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX journal_card ON journal (card_no) WHERE card_no IS NOT NULL AND tap_no IS NULL;
CREATE INDEX journal_xid ON journal USING brin (xid)
    WITH (pages_per_range = 32, autosummarize = on);

CREATE VIEW entry AS
SELECT j.journal_no, e.line, e.account_no, e.amount,
       CASE WHEN e.account_no < -1000000000 THEN 'BRD' ELSE 'KZT' END AS asset,
       j.agency_id, j.kind, j.tap_no, j.card_no, j.service_date, j.business_date, j.event_at,
       j.posted_at
FROM journal j, unnest(j.accounts, j.amounts) WITH ORDINALITY AS e (account_no, amount, line);

-- An operation that was refused, under its key: the same key never posts later.
CREATE TABLE refused_operation (
    agency_id    text NOT NULL REFERENCES agency,
    source_key   text NOT NULL,
    kind         text NOT NULL,
    content_hash bytea NOT NULL,
    code         text NOT NULL,
    message      text NOT NULL,
    refused_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agency_id, source_key)
);
-- The same key with other content: reported once, changed nothing.
CREATE TABLE key_conflict (
    agency_id    text NOT NULL REFERENCES agency,
    source_key   text NOT NULL,
    content_hash bytea NOT NULL,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agency_id, source_key, content_hash)
);

-- The chain: each block covers all journals of the transactions from one horizon to the next, so
-- that none is skipped however late it commits; its hash covers the one before.
CREATE TABLE chain_block (
    block_no      bigint PRIMARY KEY CHECK (block_no > 0),
    from_xid      bigint NOT NULL,
    to_xid        bigint NOT NULL CHECK (to_xid > from_xid),  -- exclusive
    journals      bigint NOT NULL CHECK (journals > 0),
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),
    hashed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE chain_head (
    head_date date PRIMARY KEY,   -- the head at the end of this UTC day
    block_no  bigint NOT NULL REFERENCES chain_block,
    hash      bytea NOT NULL,
    journals  bigint NOT NULL,    -- in the whole chain
    published_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is append-only; post a reversal instead',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
-- A ledger restored into a server that counts lower would post under numbers that the chain has
-- passed, and the chain would never see them.
CREATE FUNCTION refuse_passed_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    passed bigint := (SELECT to_xid FROM chain_block ORDER BY block_no DESC LIMIT 1);
BEGIN
    IF pg_current_xact_id()::text::bigint + xid_offset() < passed THEN
        RAISE EXCEPTION 'the chain has passed this transaction: the database was restored'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Run sapar ticketing chain rebase.';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER journal_not_passed BEFORE INSERT ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_passed_number();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_not_truncated BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_block_append_only BEFORE UPDATE OR DELETE ON chain_block
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_block_not_truncated BEFORE TRUNCATE ON chain_block
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tap_evidence BEFORE UPDATE OF tap_no, device_no, epoch, seq, digest, device_time,
    card_no, counter, payload, medium, num_riders, allowed, received_at ON tap
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tap_kept BEFORE DELETE ON tap
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tap_not_truncated BEFORE TRUNCATE ON tap
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What posts and serves does it as this role, which can add to the ledger and not change it. Where
-- the migrating user may not make roles there is none, and the triggers above hold alone.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        BEGIN
            CREATE ROLE sapar_ticketing NOLOGIN;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role sapar_ticketing is not made: the user may not';
                RETURN;
            WHEN duplicate_object OR unique_violation THEN  -- another database of this cluster did
                NULL;
        END;
    END IF;
    IF NOT pg_has_role('sapar_ticketing', 'MEMBER') THEN
        BEGIN
            GRANT sapar_ticketing TO CURRENT_USER;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'role sapar_ticketing is not granted: the user may not';
        END;
    END IF;
    GRANT USAGE ON SCHEMA public TO sapar_ticketing;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO sapar_ticketing;
    GRANT USAGE ON SEQUENCE tap_number, journal_number, account_number, boarding_account_number
        TO sapar_ticketing;
    GRANT INSERT ON device_key, carrier, carrier_service, tariff_version, card, card_category,
        card_pass, card_block, card_replacement, card_operation, pending_top_up, tap_refund,
        deny_list_version, deny_list_entry, tap, tap_sequence, tap_gap, tap_void, device_void,
        ticketing_exception, business_day, account, refused_operation, key_conflict, chain_block,
        chain_head
        TO sapar_ticketing;
    -- neither `posted_at` nor `xid`: they are the database's own
    GRANT INSERT (journal_no, agency_id, kind, source_key, content_hash, tap_no, revision, card_no,
                  service_date, business_date, event_at, event_at_raw, received_at, product_id,
                  rider_category, tariff_version, rule, reverses, actor, accounts, amounts)
        ON journal TO sapar_ticketing;
    GRANT UPDATE ON device_key, carrier, carrier_service, tariff_version, card, card_block,
        card_category, card_pass, pending_top_up, deny_list_entry, tap_sequence, tap_gap, ticketing_exception
        TO sapar_ticketing;
    GRANT UPDATE (balance) ON account TO sapar_ticketing;
    GRANT UPDATE (status, code, event_at, service_date, carrier_no, product_id, rider_category,
                  tariff_version, nominal_tiyn, charged_tiyn, adjustments, rule, revision) ON tap
        TO sapar_ticketing;
    GRANT DELETE ON tap_gap, carrier_service, card_pass TO sapar_ticketing;
    GRANT INSERT, UPDATE ON dead_letter TO sapar_ticketing;
END
$$;
