-- The realtime engine: who leads each agency, and the alerts it publishes.

-- The leader holds a session advisory lock; the term tells its ticks from those of its predecessors.
CREATE TABLE engine_leader (
    agency_id text PRIMARY KEY REFERENCES agency,
    term      bigint NOT NULL CHECK (term > 0),
    leader    text NOT NULL,
    taken_at  timestamptz NOT NULL
);

CREATE TABLE alert (
    agency_id   text NOT NULL REFERENCES agency,
    alert_id    text NOT NULL CHECK (alert_id <> ''),
    -- text by language tag: {"kk": …, "ru": …, "en": …}
    header      jsonb NOT NULL CHECK (jsonb_typeof(header) = 'object' AND header <> '{}'),
    description jsonb NOT NULL CHECK (jsonb_typeof(description) = 'object' AND description <> '{}'),
    -- names of the GTFS-realtime enumerations
    cause       text NOT NULL DEFAULT 'UNKNOWN_CAUSE' CHECK (cause ~ '^[A-Z_]+$'),
    effect      text NOT NULL DEFAULT 'UNKNOWN_EFFECT' CHECK (effect ~ '^[A-Z_]+$'),
    -- when it is shown; an empty array means always
    periods     tstzrange[] NOT NULL DEFAULT '{}',
    -- what it is about: [{"route_id": …, "stop_id": …, "trip_id": …}, …]; empty: the whole agency
    informed    jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(informed) = 'array'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    PRIMARY KEY (agency_id, alert_id)
);
