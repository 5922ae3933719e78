-- People, roles, sessions, keys of apps, and who changed what.

-- Who may sign in. Nobody is ever deleted: numbers stand in acts, journals and the audit log for
-- good, so who leaves is ended.
CREATE TABLE person (
    user_id             int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                text NOT NULL UNIQUE  -- what is typed to sign in
                        CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    full_name           text NOT NULL DEFAULT '' CHECK (length(full_name) <= 200),
    language            text NOT NULL DEFAULT '' CHECK (language IN ('', 'en', 'kk', 'ru')),
    password_hash       text CHECK (password_hash LIKE '$argon2id$%'),  -- null: signs in elsewhere
    password_changed_at timestamptz,
    password_temporary  boolean NOT NULL DEFAULT false,  -- given by somebody else: to be changed
    second_factor       bytea,   -- secret of the time-based code (RFC 6238); null: none
    second_factor_step  bigint,  -- the newest code that was used: none is taken twice
    created_at          timestamptz NOT NULL,
    ended_at            timestamptz CHECK (ended_at >= created_at),
    CHECK ((password_hash IS NULL) = (password_changed_at IS NULL)),
    CHECK (password_hash IS NOT NULL OR NOT password_temporary)
);

CREATE FUNCTION keep_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'people are ended, never deleted';
    ELSIF NEW.user_id <> OLD.user_id OR NEW.name <> OLD.name THEN
        RAISE integrity_constraint_violation
            USING MESSAGE = 'a name belongs to one person for good';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER person_kept BEFORE UPDATE OR DELETE ON person
    FOR EACH ROW EXECUTE FUNCTION keep_person();
CREATE TRIGGER person_not_emptied BEFORE TRUNCATE ON person
    FOR EACH STATEMENT EXECUTE FUNCTION keep_person();

-- What a person may do, in one agency or (null) in all of them.
CREATE TABLE person_role (
    user_id   int NOT NULL REFERENCES person,
    agency_id text REFERENCES agency,
    role      text NOT NULL CHECK (role IN ('viewer', 'dispatcher', 'cashier', 'accountant',
                                            'chief_accountant', 'auditor', 'admin'))
);
CREATE UNIQUE INDEX person_role_once ON person_role (user_id, role, coalesce(agency_id, '*'));

-- Who a person is at the provider of identities.
CREATE TABLE person_identity (
    issuer  text NOT NULL CHECK (issuer <> ''),
    subject text NOT NULL CHECK (subject <> ''),
    user_id int NOT NULL REFERENCES person,
    PRIMARY KEY (issuer, subject)
);

-- A way to the provider of identities that has begun; it is used once.
CREATE TABLE sign_in_way (
    state_hash bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    nonce      text NOT NULL,
    verifier   text NOT NULL,  -- PKCE (RFC 7636)
    return_to  text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Who is signed in. The token itself is only in its owner's cookie.
CREATE TABLE session (
    session_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),  -- SHA-256
    user_id      int NOT NULL REFERENCES person,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    idle_s       int CHECK (idle_s > 0),  -- null: it does not end by idleness
    expires_at   timestamptz NOT NULL CHECK (expires_at > created_at),
    address      text NOT NULL,
    agent        text NOT NULL,
    ended_at     timestamptz,
    ended_why    text CHECK (ended_why IN ('signed_out', 'revoked', 'password', 'roles', 'ended')),
    CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE INDEX session_person ON session (user_id);
CREATE INDEX session_expires ON session (expires_at);

-- Tries to sign in, by the SHA-256 of a name or an address: all instances count together.
CREATE TABLE sign_in_try (
    subject       bytea PRIMARY KEY CHECK (octet_length(subject) = 32),
    tries         int NOT NULL CHECK (tries >= 0),
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX sign_in_try_last ON sign_in_try (last_at);

-- Keys of apps. The secret is only with its owner.
CREATE TABLE api_key (
    key_no          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix          text NOT NULL UNIQUE CHECK (prefix ~ '^[0-9a-z]{8}$'),
    secret_hash     bytea NOT NULL CHECK (octet_length(secret_hash) = 32),  -- SHA-256
    name            text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    contact         text NOT NULL DEFAULT '' CHECK (length(contact) <= 200),
    rate_per_minute int NOT NULL CHECK (rate_per_minute > 0),
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    revoked_at      timestamptz CHECK (revoked_at >= created_at),
    last_used_on    date
);

CREATE FUNCTION notify_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_keys', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER api_key_added AFTER INSERT ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION notify_keys();
CREATE TRIGGER api_key_changed AFTER UPDATE OF revoked_at, rate_per_minute ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION notify_keys();

-- Who changed what, in the transaction that changed it. Lines are added and nothing else.
CREATE TABLE audit_log (
    audit_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,                -- by the clock of the part that did it
    recorded_at timestamptz NOT NULL DEFAULT now(),  -- by the database's
    person      text NOT NULL CHECK (person <> ''),  -- the name, or the part that acted by itself
    user_id     int REFERENCES person,
    agency_id   text REFERENCES agency,
    action      text NOT NULL CHECK (action ~ '^[a-z_]+[.][a-z_]+$'),
    target      text NOT NULL,
    before      jsonb,
    after       jsonb,
    reason      text NOT NULL DEFAULT ''
);
CREATE INDEX audit_log_at ON audit_log (at, audit_no);
CREATE INDEX audit_log_target ON audit_log (target, audit_no);
CREATE INDEX audit_log_person ON audit_log (person, audit_no);
CREATE INDEX audit_log_action ON audit_log (action text_pattern_ops, audit_no);

CREATE FUNCTION keep_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE integrity_constraint_violation USING MESSAGE = 'the audit log is only added to';
END
$$;
CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_log();

-- What posts money writes down who did it, and reads nothing of passwords, sessions and keys.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT (user_id, name, full_name, ended_at) ON person TO sapar_ticketing;
        GRANT SELECT ON person_role TO sapar_ticketing;
        GRANT INSERT, SELECT ON audit_log TO sapar_ticketing;
    END IF;
END
$$;
