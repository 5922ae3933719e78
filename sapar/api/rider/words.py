"""The few words that the server writes itself: the pages as they are without script.

The page's own words are in `web/src/rider/words`; where both say the same they use the same words.
"""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["kk", "ru", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("kk", "ru", "en")

WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "language": "English",
        "title": "Buses: {city}",
        "stop_title": "{stop}: when does the bus come?",
        "search": "Find a stop by name or number",
        "find": "Find",
        "none_found": "No stop begins with “{text}”.",
        "towards": "towards {stop}",
        "updated": "State of {time}. Reload the page for a newer one.",
        "no_live": "There is no live data now: all times are the timetable's.",
        "nothing": "No bus in the next 90 minutes.",
        "unknown_stop": "There is no such stop in the timetable that is in force.",
        "now": "now",
        "range": "{low}–{high} min",
        "minutes": "{n} min",
        "live": "live",
        "timetable": "timetable",
        "passed": "has left",
        "no_signal": "no signal since {time}",
        "cancelled": "will not come ({time})",
        "skipped": "does not stop here today",
        "every": "every {n} min",
        "no_script": "This page works without JavaScript; with it the times are live.",
        "all_stops": "All stops",
        "description": "When the bus comes, live, and what to expect",
    },
    "ru": {
        "language": "Русский",
        "title": "Автобусы: {city}",
        "stop_title": "{stop}: когда придёт автобус?",
        "search": "Остановка: название или номер",
        "find": "Найти",
        "none_found": "Нет остановки, которая начинается на «{text}».",
        "towards": "в сторону: {stop}",
        "updated": "Состояние на {time}. Обновите страницу, чтобы увидеть новое.",
        "no_live": "Сейчас нет данных GPS: всё время по расписанию.",
        "nothing": "В ближайшие 90 минут автобусов нет.",
        "unknown_stop": "В действующем расписании такой остановки нет.",
        "now": "сейчас",
        "range": "{low}–{high} мин",
        "minutes": "{n} мин",
        "live": "по GPS",
        "timetable": "по расписанию",
        "passed": "уже ушёл",
        "no_signal": "нет сигнала с {time}",
        "cancelled": "не придёт ({time})",
        "skipped": "сегодня здесь не останавливается",
        "every": "каждые {n} мин",
        "no_script": "Страница работает и без JavaScript; с ним время обновляется само.",
        "all_stops": "Все остановки",
        "description": "Когда придёт автобус и чего ждать",
    },
    "kk": {
        "language": "Қазақша",
        "title": "Автобустар: {city}",
        "stop_title": "{stop}: автобус қашан келеді?",
        "search": "Аялдаманың атауы немесе нөмірі",
        "find": "Іздеу",
        "none_found": "«{text}» деп басталатын аялдама жоқ.",
        "towards": "{stop} жағына",
        "updated": "{time} кезіндегі жағдай. Жаңасын көру үшін бетті жаңартыңыз.",
        "no_live": "Қазір GPS дерегі жоқ: барлық уақыт кесте бойынша.",
        "nothing": "Жақын 90 минутта автобус жоқ.",
        "unknown_stop": "Қолданыстағы кестеде мұндай аялдама жоқ.",
        "now": "қазір",
        "range": "{low}–{high} мин",
        "minutes": "{n} мин",
        "live": "GPS бойынша",
        "timetable": "кесте бойынша",
        "passed": "кетіп қалды",
        "no_signal": "{time} бастап сигнал жоқ",
        "cancelled": "келмейді ({time})",
        "skipped": "бүгін мұнда тоқтамайды",
        "every": "әр {n} мин сайын",
        "no_script": "Бет JavaScript болмаса да жұмыс істейді; онымен уақыт өзі жаңарады.",
        "all_stops": "Барлық аялдамалар",
        "description": "Автобус қашан келеді және не күту керек",
    },
}


def choose_language(asked: str | None, kept: str | None, accepted: str) -> Language:
    """Give the language of a page: asked for in its address, chosen before, or the browser's."""
    wanted = [asked or "", kept or "", *(part.partition(";")[0] for part in accepted.split(","))]
    for one in wanted:
        for language in LANGUAGES:
            if one.strip().lower()[:2] == language:
                return language
    return "ru"
