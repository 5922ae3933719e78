"""Every setting of Sapar, in one frozen place.

A setting is read from the environment variable `SAPAR_` plus its name in capitals, once, by the
composition root (`sapar.cli`) or a test, and passed on. The unit is the end of the name. The table
in docs/settings.md is made from this class (`sapar settings --markdown`) and a test compares them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.settings_people import PeopleSettings


class Settings(PeopleSettings):
    """All settings with their defaults; the description of each is its help text."""

    model_config = SettingsConfigDict(env_prefix="SAPAR_", frozen=True, extra="ignore")

    # where things are
    database_url: SecretStr = Field(
        SecretStr("postgresql://sapar@127.0.0.1:5432/sapar"),
        description="PostgreSQL with TimescaleDB, as a libpq URL or key/value string.",
    )
    broker_host: str = Field("127.0.0.1", description="Host of the broker's internal listener.")
    broker_port: int = Field(1884, description="Port of the broker's internal listener.")
    broker_username: str = Field("sapar", description="User of our own parts at the broker.")
    broker_password: SecretStr = Field(
        SecretStr(""), description="Password of our own parts at the broker."
    )
    device_broker_host: str = Field("127.0.0.1", description="Host that devices connect to.")
    device_broker_port: int = Field(1883, description="Port that devices connect to.")
    http_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    http_port: int = Field(8080, description="Port that the API listens on.")
    http_certificate_file: Path | None = Field(
        None, description="Certificate chain (PEM) for HTTPS; with it the API speaks HTTPS alone."
    )
    http_key_file: Path | None = Field(None, description="Private key (PEM) of the certificate.")
    http_hsts_s: int = Field(
        0,
        ge=0,
        description=(
            "Seconds for which browsers shall come by HTTPS alone (HSTS), such as 31536000. 0: not"
            " said; a browser that was told keeps to it, so first have a certificate that lasts."
        ),
    )
    data_dir: Path = Field(
        Path("var"), description="Folder for files that Sapar writes: private services, reports."
    )
    broker_dir: Path = Field(
        Path("var/broker"),
        description="Folder with the broker's password and access files, its log and its pid.",
    )

    # who we serve
    agency: str = Field(
        "demo", description="Default agency: the one that URLs without an agency mean."
    )

    # one clock for all parts
    clock_origin_wall_s: float = Field(
        0.0, description="Wall time (Unix seconds) at which the shared clock started."
    )
    clock_origin_time_s: float = Field(
        0.0, description="Transit time (Unix seconds) of the shared clock at that moment."
    )
    clock_rate: float = Field(
        1.0, gt=0, description="Seconds of transit time a wall second; 10 replays ten times faster."
    )

    # ingest
    ingest_worker: int = Field(
        0, ge=0, description="Number of this ingest worker; stable, it names the broker session."
    )
    ingest_batch_max: int = Field(5000, gt=0, description="Records that close a batch by count.")
    ingest_batch_age_ms: int = Field(
        100, gt=0, le=200, description="Age in milliseconds that closes a batch."
    )
    ingest_receive_max: int = Field(
        20_000,
        gt=0,
        le=65535,
        description="Messages that the broker may have under way to a worker: bounds its memory.",
    )
    ingest_session_expiry_s: int = Field(
        7 * 86400,
        gt=0,
        description="Seconds that the broker keeps an absent worker's session.",
    )
    ack_interval_ms: int = Field(
        500, ge=0, description="Shortest time between two acknowledgements to one device, in ms."
    )
    message_bytes_max: int = Field(
        262_144, gt=0, description="Largest message a device may send, in bytes."
    )
    future_clock_max_s: int = Field(
        300, gt=0, description="A device time further ahead than this is refused, in seconds."
    )
    past_clock_max_days: int = Field(
        90, gt=0, description="A device time further back than this is refused, in days."
    )
    registry_refresh_s: float = Field(
        10.0, gt=0, description="Longest time until a change of devices is seen without a notice."
    )
    latest_interval_s: float = Field(
        1.0, gt=0, description="Wall seconds between two writes of the latest state per vehicle."
    )

    # ticketing: taps from the broker to the ledger
    ticketing_worker: int = Field(
        0, ge=0, description="Number of this ticketing worker; stable, it names the broker session."
    )
    ticketing_batch_max: int = Field(
        2000, gt=0, description="Taps that close a batch by count: one transaction posts them."
    )
    ticketing_lanes: int = Field(
        2,
        gt=0,
        le=16,
        description="Transactions that a ticketing worker posts side by side, a connection each.",
    )
    ticketing_batch_age_ms: int = Field(
        100, gt=0, le=1000, description="Age in milliseconds that closes a batch of taps."
    )
    ticketing_receive_max: int = Field(
        5000,
        gt=0,
        le=65535,
        description="Messages of taps that the broker may have under way to a worker.",
    )
    ticketing_session_expiry_s: int = Field(
        7 * 86400,
        gt=0,
        description="Seconds that the broker keeps an absent ticketing worker's session.",
    )
    deny_list_interval_s: float = Field(
        60.0,
        gt=0,
        description="Wall seconds between two looks for changes of the deny list and the tariff.",
    )
    ticketing_chain_interval_s: float = Field(
        5.0, gt=0, description="Seconds between two blocks of the chain over all journals."
    )
    ticketing_verify_threads: int = Field(
        2,
        gt=0,
        le=64,
        description="Threads that verify Ed25519 seals; one core does some 15,000/s.",
    )
    tap_master_key_file: Path = Field(
        Path("var/tap-master.key"),
        description=(
            "File with the secret that HMAC keys of devices are derived from; the same for every"
            " worker, readable by nobody else, and never lost: taps are proved by it."
        ),
    )

    # retention
    fix_retention_days: int = Field(90, gt=0, description="Days that positions are kept.")
    event_retention_days: int = Field(365, gt=0, description="Days that events are kept.")
    dead_letter_retention_days: int = Field(
        90, gt=0, description="Days that refused messages are kept."
    )
    tap_letter_retention_days: int = Field(
        1830, gt=0, description="Days that refused taps are kept: money may have left a card."
    )

    # engine and feeds
    tick_interval_s: float = Field(
        2.0, gt=0, le=5, description="Wall seconds between two ticks: the age of a feed at most."
    )
    position_stale_s: int = Field(
        90, gt=0, description="A fix older than this, in transit seconds, leaves the feeds."
    )
    eta_lean_s: float = Field(
        10.0,
        ge=0,
        le=60,
        description=(
            "Seconds by which published arrivals lie before the median: who comes too late to the"
            " stop has missed the bus."
        ),
    )
    eta_lean_share: float = Field(
        0.08,
        ge=0,
        le=0.3,
        description="Share of the time to go that they lie before the median besides.",
    )
    tick_age_max_s: float = Field(
        15.0, gt=0, description="Wall seconds without a new tick after which the API is not ready."
    )
    map_style_url: str = Field(
        "", description="Style of a tile server to draw under the live map; empty: none is needed."
    )
    leader_check_interval_s: float = Field(
        1.0, gt=0, description="Wall seconds between two tries of a standby engine to take over."
    )

    # the control room: alarms and emergencies; docs/alarms.md has all rules
    alarm_late_s: float = Field(
        360.0, gt=0, description="Lateness in seconds from which a bus is on the list of late ones."
    )
    alarm_early_s: float = Field(
        120.0, gt=0, description="Seconds before its time from which a bus is on the early list."
    )
    alarm_silent_s: float = Field(
        90.0, gt=0, description="Silence of a bus on a run, in seconds, that is an alarm."
    )
    alarm_gps_off_s: float = Field(
        75.0, gt=0, description="Seconds without a position of a bus that is there, for an alarm."
    )
    alarm_speed_mps: float = Field(
        19.5, gt=0, description="Speed in m/s that is an alarm: 60 km/h and 10 km/h of tolerance."
    )
    alarm_speed_clear_mps: float = Field(
        16.7, gt=0, description="Speed in m/s down to which that alarm stays: the limit itself."
    )
    alarm_gap_share: float = Field(
        1.75, gt=1, description="Headway, as a share of the planned one, that is a gap."
    )
    alarm_bunched_share: float = Field(
        0.25, gt=0, lt=1, description="Headway, as a share of the planned one, that is bunching."
    )
    alarm_missing_s: float = Field(
        90.0,
        gt=0,
        description="Seconds after its start from which a run is missed; an alarm 90 s later.",
    )
    alarm_retention_days: int = Field(
        400, ge=30, description="Days that alarms are kept, with what people did about them."
    )
    emergency_webhook_url: str = Field(
        "", description="Where emergencies are posted to, such as the 112 centre; empty: nowhere."
    )
    emergency_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Key of the HMAC-SHA-256 that those posts are signed with."
    )
    emergency_webhook_timeout_s: float = Field(
        5.0, gt=0, description="Wall seconds that the other side has to answer."
    )
    emergency_retry_max_s: float = Field(
        60.0, gt=0, description="Longest wall seconds between two tries; they grow from one second."
    )

    # history and proof of runs
    visit_flush_interval_s: float = Field(
        5.0, gt=0, description="Wall seconds between two writes of stop visits by the engine."
    )
    visit_buffer_max: int = Field(
        200_000,
        gt=0,
        description=(
            "Stop visits that wait while the database is away, then the oldest are dropped: three"
            " hours of 3,000 buses, some 100 MB."
        ),
    )
    learnt_save_interval_s: float = Field(
        300.0, gt=0, description="Wall seconds between two saves of learnt travel times."
    )
    learn_half_life_days: float = Field(
        15.0, gt=0, description="Age in days at which a travel time counts half when learning anew."
    )
    proof_done_share: float = Field(
        0.9,
        gt=0,
        le=1,
        description=(
            "Share of a run's stops, and of its kilometres, from which it is done; the contract"
            " with the carrier says how much."
        ),
    )
    proof_partly_share: float = Field(
        0.1, gt=0, le=1, description="Share of a run's stops below which it is not done at all."
    )
    proof_gap_s: float = Field(
        90.0, gt=0, description="Longest silence of a bus on a run, in seconds, that is no GPS gap."
    )
    proof_silence_s: float = Field(
        360.0,
        gt=0,
        description=(
            "Silence of a bus in service, in seconds, from which its GPS counts as switched off;"
            " TransitClock gives a bus up after as long."
        ),
    )
    nightly_in_engine: bool = Field(
        True, description="Let the leading engine start the nightly job once a service day is over."
    )
    nightly_delay_s: int = Field(
        5400, ge=0, description="Seconds after a service day's last planned arrival for late buses."
    )
    nightly_late_days: int = Field(
        3, ge=0, description="Days for which a day is made again when positions came in late."
    )
    visit_retention_days: int = Field(
        400, gt=0, description="Days that stop visits are kept: a year and a month, to compare."
    )
    proof_retention_days: int = Field(
        1830, gt=0, description="Days that proofs of runs and their corrections are kept."
    )
    eta_sample_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description=(
            "Share of the vehicles, others every day, whose predictions are kept once a minute and"
            " scored at night; 150 of 3,000 buses are some 100 MB until then."
        ),
    )

    # apps of others
    api_rate_per_minute: int = Field(
        1200,
        ge=0,
        description=(
            "Boards, stops and buses that one address may ask for in a minute without a key of its"
            " own: a mobile network may stand behind it. 0: as many as it likes."
        ),
    )
    api_burst_s: float = Field(
        20.0, gt=0, description="Seconds' worth of its rate that a client may ask for at once."
    )
    api_key_required: bool = Field(
        False, description="Answer OneBusAway's apps only when they bring a key that stands."
    )
    api_test_key: str = Field(
        "", description="A key for trying out: good for OneBusAway, with the rate of its address."
    )

    # riders: what they report, and cards that they look up
    report_contact_days: int = Field(
        60, gt=0, description="Days after which a rider's contact is erased from a report."
    )
    report_retention_days: int = Field(
        1095, gt=0, description="Days that riders' reports and their answers are kept."
    )
    card_lookup_key_file: Path = Field(
        Path("var/card-lookup.key"),
        description=(
            "File with the secret that numbers of cards are hashed with; the same for every"
            " instance, readable by nobody else. Without it no card can be looked up."
        ),
    )

    # broker, written into its configuration
    broker_queue_bytes_max: int = Field(
        3_000_000_000,
        gt=0,
        description="Most memory for queued messages: about 540 bytes each, 30 min at 3,000/s.",
    )
    broker_autosave_interval_s: int = Field(
        10, gt=0, description="Seconds between two saves of the broker's state to disk."
    )
    broker_log_denials: bool = Field(
        True,
        description=(
            "Let the broker log every packet, the only way to count publishes that its access rules"
            " refuse; costs it 14 microseconds and 450 bytes of rotated log a message."
        ),
    )

    # what operators watch
    metrics_port: int = Field(
        0, ge=0, description="Port for the metrics of ingest and engine; 0 serves none."
    )
    log_json: bool = Field(True, description="Write log lines as JSON instead of for a person.")
    log_level: str = Field("INFO", description="Least level that is logged.")

    def clock(self) -> ScaledClock:
        """Make the clock that all parts with these settings share."""
        if self.clock_origin_wall_s == 0.0:
            return SystemClock()
        return ScaledClock(self.clock_origin_wall_s, self.clock_origin_time_s, self.clock_rate)


def settings_markdown() -> str:
    """Give the table of all settings, as docs/settings.md holds it."""
    lines = [
        "# Settings",
        "",
        "Read once from the environment when a part starts. The unit is the end of the name.",
        "",
        "| variable | default | what it means |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "(secret)" if isinstance(default, SecretStr) else f"`{default}`"
        lines.append(f"| `SAPAR_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"
