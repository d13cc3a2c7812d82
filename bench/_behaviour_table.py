"""What was asked of the endpoints, and what they answered, as a Markdown table."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

__all__ = ["behaviour"]

Row = Mapping[str, Any]


def behaviour(raw: Mapping[str, Any]) -> str:
    """One line for each question, one column for each subject."""
    subjects = raw["rows"]
    head = ["", *subjects]
    lines = [
        [question, *(answer(row) for row in subjects.values())]
        for question, answer in _QUESTIONS.items()
    ]
    cells = [head, ["---"] * len(head), *lines]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    return f"### Behaviour\n\n{rows}"


def _slow(row: Row) -> str:
    return _seconds(row["slow_answer_s"])


def _side_by_side(row: Row) -> str:
    took = row["slow_checks_s"]
    return f"{'yes' if took < 0.8 else '**no**'}, {_seconds(took)}"


def _hung(row: Row) -> str:
    if not row["hung_status"]:
        return f"**no**, silent for {_seconds(row['hung_answer_s'])}"
    answered = row["hung_answer_s"]
    within = "yes" if answered < 2 else "**no**"
    return f"{within}, {row['hung_status']} after {_seconds(answered)}"


def _timeout(row: Row) -> str:
    if not row["hung_later_status"]:
        return "**no**"
    told = "yes" if row["hung_later_says_timeout"] else "**no**"
    return f"{told}, {row['hung_later_status']}"


def _raising(row: Row) -> str:
    named = "names the check" if row["raising_names_check"] else "**bare**"
    return f"{row['raising_status']}, {named}"


def _unknown(row: Row) -> str:
    return "`unknown`, 503" if row["hung_unknown_first"] else "has to wait for it"


def _leak(row: Row) -> str:
    places = [name for name in ("body", "log") if row[f"secret_in_{name}"]]
    return f"**in the {' and the '.join(places)}**" if places else "nowhere"


def _crowd(row: Row) -> str:
    return f"{row['crowd_runs']} runs, slowest {_seconds(row['crowd_slowest_s'])}"


def _head(row: Row) -> str:
    good = row["head_status"] == HTTPStatus.OK
    return str(row["head_status"]) if good else f"**{row['head_status']}**"


def _cache(row: Row) -> str:
    value = row["cache_control"]
    return "**none**" if not value else f"`{value}`" if len(value) < 10 else "no-store"


def _age(row: Row) -> str:
    return "`X-Health-Age`" if row["tells_age"] else "asked for now"


def _notice(row: Row) -> str:
    took = _seconds(row["notice_s"])
    return f"**{took}**" if row["notice_s"] > 1 else took


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


_QUESTIONS: Final[Mapping[str, Callable[[Row], str]]] = {
    "three checks of 0.5 s: the answer takes": _slow,
    "they run side by side (< 0.8 s)": _side_by_side,
    "a hung check: an answer within 2 s": _hung,
    "a hung check: told as a timeout after 8 s": _timeout,
    "before a check's first result": _unknown,
    "a check that raises": _raising,
    "the password in its exception's words shows": _leak,
    "50 requests at once run each check": _crowd,
    "HEAD": _head,
    "Cache-Control": _cache,
    "how old the answer is": _age,
    "a component breaks: seen after": _notice,
}
