"""What a message says, whom it is for, and the texts that are sent again and again. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from sapar.contract.messages import DriverMessage
from sapar.core.errors import BadInput

LANGUAGES = ("kk", "ru", "en")
TEXT_MAX = 200
"""Characters that a driver's display shows at once."""
VALID_MIN_S, VALID_MAX_S = 60.0, 86_400.0
VEHICLES_MAX = 5000

QUICK_TEXTS: dict[str, dict[str, str]] = {
    "call": {
        "kk": "Диспетчерге хабарласыңыз.",
        "ru": "Свяжитесь с диспетчером.",
        "en": "Call the dispatcher.",
    },
    "hold": {
        "kk": "Келесі аялдамада 2 минут күтіңіз.",
        "ru": "Подождите 2 минуты на следующей остановке.",
        "en": "Wait 2 minutes at the next stop.",
    },
    "early": {
        "kk": "Кестеден ерте келе жатырсыз, асықпаңыз.",
        "ru": "Вы идёте раньше графика, не спешите.",
        "en": "You are early: slow down.",
    },
    "gap": {
        "kk": "Алдыңызда үлкен интервал бар, мүмкіндігінше кідірмеңіз.",
        "ru": "Перед вами большой интервал, по возможности не задерживайтесь.",
        "en": "There is a gap ahead of you: do not linger at stops.",
    },
    "sign_on": {
        "kk": "Құрылғыда рейсіңізді таңдаңыз.",
        "ru": "Отметьтесь на рейсе в устройстве.",
        "en": "Sign on to your trip.",
    },
    "detour": {
        "kk": "Бағытыңызда айналма жол бар. Толығырақ диспетчерден біліңіз.",
        "ru": "На вашем маршруте объезд. Подробности у диспетчера.",
        "en": "There is a detour on your route. Ask the dispatcher.",
    },
    "detour_over": {
        "kk": "Айналма жол аяқталды, әдеттегі жолмен жүріңіз.",
        "ru": "Объезд закончен, идите по обычному пути.",
        "en": "The detour is over: drive your usual way.",
    },
    "return": {
        "kk": "Рейстен кейін паркке қайтыңыз.",
        "ru": "После рейса возвращайтесь в парк.",
        "en": "Return to the depot after this trip.",
    },
}
"""By key; the pages offer them first."""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a message is for; the buses are found when it is written.

    Attributes:
        kind: named vehicles, those of a route at that moment, or all that are heard.
        vehicle_ids: for `vehicles`.
        route_id: for `route`.
    """

    kind: Literal["vehicles", "route", "all"]
    vehicle_ids: list[str] = []
    route_id: str | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatcher sends.

    Attributes:
        texts: by language; the bus shows the driver's own.
        target: whom it is for.
        urgent: the device sounds, and asks to confirm.
        valid_s: after so many seconds it is not shown any more.
    """

    texts: dict[str, str]
    target: Target
    urgent: bool = False
    valid_s: float = 1800.0


def check_letter(letter: Letter) -> None:
    """Refuse a message that no driver could read.

    Raises:
        BadInput: no text, one that is too long or in no known language, a validity out of range, or
            a target that names nobody.
    """
    check_texts(letter.texts)
    if not VALID_MIN_S <= letter.valid_s <= VALID_MAX_S:
        raise BadInput("a message is valid for a minute to a day", code="bad_validity")
    target = letter.target
    if target.kind == "route" and not target.route_id:
        raise BadInput("the route is missing", code="no_recipients")
    if target.kind == "vehicles":
        if not target.vehicle_ids or not all(target.vehicle_ids):
            raise BadInput("no bus is named", code="no_recipients")
        if len(target.vehicle_ids) > VEHICLES_MAX:
            raise BadInput(f"more than {VEHICLES_MAX} buses", code="too_many_recipients")


def check_texts(texts: dict[str, str]) -> None:
    """Refuse texts that a display cannot show; raises as `check_letter`."""
    if not texts:
        raise BadInput("the message has no text", code="text_missing")
    for language, text in texts.items():
        if language not in LANGUAGES:
            raise BadInput(f"{language!r} is no language here", code="bad_language")
        if not text.strip():
            raise BadInput("the message has no text", code="text_missing")
        if len(text) > TEXT_MAX:
            raise BadInput(
                f"{len(text)} characters; a display shows {TEXT_MAX}", code="text_too_long"
            )
        if any(ord(sign) < 32 and sign != "\n" for sign in text):
            raise BadInput("the text has a control character", code="bad_text")


def command_args(texts: dict[str, str], *, urgent: bool, expires_s: float) -> dict[str, object]:
    """Give the arguments of the command `message`, as they go over the wire."""
    args: dict[str, object] = msgspec.to_builtins(
        DriverMessage(texts=texts, urgent=urgent, expires_ms=round(expires_s * 1000))
    )
    return args
