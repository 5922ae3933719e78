"""Settings of people and access: sessions, passwords, tries, the provider of identities."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class PeopleSettings(BaseSettings):
    """What `sapar.access` and the guard go by; part of `sapar.core.settings.Settings`."""

    public_url: str = Field(
        "",
        description=(
            "Address that browsers reach this deployment at, such as https://bus.example.kz; with"
            " https cookies are sent over HTTPS alone. Empty: as the request says."
        ),
    )
    http_trusted_proxies: str = Field(
        "",
        description=(
            "Addresses or networks of proxies, separated by commas, that are believed when they"
            " say in X-Forwarded-For and X-Forwarded-Proto who asks and how."
        ),
    )
    session_idle_minutes: int = Field(
        60, gt=0, description="Minutes without any act or input after which a session ends."
    )
    session_hours_max: int = Field(
        14, gt=0, description="Hours after which a session ends in any case: a long shift."
    )
    session_viewer_days_max: int = Field(
        30,
        gt=0,
        description=(
            "Days that the session of who may only look lasts, without ending by idleness: a wall"
            " screen."
        ),
    )
    session_outage_s: int = Field(
        900,
        ge=0,
        description=(
            "Seconds for which who was signed in may look on, and not act, while the database does"
            " not answer."
        ),
    )
    password_length_min: int = Field(
        12, ge=8, le=64, description="Fewest characters of a password."
    )
    password_argon2_time: int = Field(
        3, ge=1, description="Passes of argon2id; passwords follow a change at the next sign-in."
    )
    password_argon2_memory_kib: int = Field(
        65_536, ge=8192, description="Memory of argon2id in KiB: each check takes it for 0.1 s."
    )
    password_argon2_lanes: int = Field(1, ge=1, le=16, description="Lanes of argon2id.")
    sign_in_tries_name: int = Field(
        5, ge=1, description="Wrong tries for one name before each further one has to wait."
    )
    sign_in_tries_address: int = Field(
        30, ge=1, description="Wrong tries from one address before each further one has to wait."
    )
    sign_in_wait_max_s: int = Field(
        300, ge=1, description="Longest wait in seconds; it doubles from one second on."
    )
    oidc_issuer: str = Field(
        "", description="Issuer of an OpenID Connect provider to sign in with; empty: none."
    )
    oidc_client_id: str = Field("", description="Name of this deployment at that provider.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="Secret of this deployment at that provider."
    )
    oidc_label: str = Field("", description="What the button says; empty: the provider's host.")
    oidc_role_claim: str = Field(
        "groups", description="Claim of the id token that names a person's groups."
    )
    oidc_roles: str = Field(
        "",
        description=(
            "Roles by group, `group=role` or `group=role@agency`, separated by commas; at each"
            " sign-in the person has those. Empty: roles are given here."
        ),
    )
