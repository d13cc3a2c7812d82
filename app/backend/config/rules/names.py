"""Misspelt names: variables that nobody reads, a letter away from one that is read.

Other people's variables stand beside ours, so a name is only doubted where it differs
from a known one by a slip: a letter too many, too few, another or exchanged in a word
of four letters or more, two in a long word, or an underscore; of a shorter word, a
letter may be missing (KY), or two exchanged (DNS). Numbers never differ by accident:
DATABASE_URL_2 is somebody's second database.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.known import KNOWN, SECRETS
from app.backend.config.rules.model import Broken, Facts, Rule, severities
from app.backend.config.rules.required import REQUIRED
from app.backend.config.settings import CHECKS, CheckKnobs

__all__ = ["RULES", "meant_by"]

_SHORTEST = 8  # HOST, PORT and DEBUG have too many neighbours
_LONG_WORD = 8
_WORD = 4
_SHORTEST_WORD = 2
_THEIRS = re.compile(r"(?:PG|LC_|GITHUB_|CI_|KUBERNETES_|NIXPACKS_|_)")
# Read before there is a model, whose fields the others are.
_NAMES: Final = (*KNOWN, "ENVIRONMENT", "PM33_DEFAULT_ENVIRONMENT")
_KNOBS = tuple(knob.upper() for knob in CheckKnobs.model_fields)

Gap = tuple[tuple[str, ...], tuple[str, ...]]


def _gaps(name: str) -> Iterator[tuple[Gap, str]]:
    """Each word of a name, with what stands before and after it."""
    words = tuple(name.split("_"))
    for place, word in enumerate(words):
        yield (words[:place], words[place + 1 :]), word


def _index(names: tuple[str, ...]) -> Mapping[Gap, tuple[str, ...]]:
    """The words that stand in each gap of the names: one of them may be meant."""
    index: dict[Gap, tuple[str, ...]] = {}
    for name in names:
        for gap, word in _gaps(name):
            index[gap] = (*index.get(gap, ()), word)
    return index


_LONG = tuple(name for name in _NAMES if len(name) >= _SHORTEST)
_IN_GAPS: Final = _index(_LONG)
_JOINED: Final = {name.replace("_", ""): name for name in _LONG}
_SET: Final = frozenset(_NAMES)


def meant_by(name: str) -> str | None:
    """The known variable that an unknown name is a slip away from."""
    if name in _SET or len(name) < _SHORTEST - 1 or _THEIRS.match(name):
        return None
    upper = name.upper()
    if upper.endswith("_FILE"):
        known = upper.removesuffix("_FILE")
        if known in SECRETS:
            return None if name == upper else upper
        meant = _slip_of(known)
        return f"{meant}_FILE" if meant in SECRETS else None
    if upper != name and upper in _LONG:
        return upper
    return _slip_of(upper) or _knob_meant_by(upper)


def _slip_of(name: str) -> str | None:
    joined = _JOINED.get(name.replace("_", ""))
    if joined:
        return joined
    for (before, after), word in _gaps(name):
        for known in _IN_GAPS.get((before, after), ()):
            if _is_slip(word, known):
                return "_".join((*before, known, *after))
    return None


def _is_slip(word: str, known: str) -> bool:
    if any(one.isdigit() for one in word):
        return False
    shortest = min(len(word), len(known))
    if shortest < _WORD:
        return sorted(word) == sorted(known) or _lacks_a_letter(word, known)
    allowed = 2 if shortest >= _LONG_WORD else 1
    if abs(len(word) - len(known)) > allowed:
        return False
    return _distance(word, known) <= allowed


def _lacks_a_letter(word: str, known: str) -> bool:
    """One of a short word; what is longer than it, is another word (KEYS)."""
    if len(word) != len(known) - 1 or len(word) < _SHORTEST_WORD:
        return False
    return any(word == known[:at] + known[at + 1 :] for at in range(len(known)))


def _distance(a: str, b: str) -> int:
    """Optimal string alignment: insertions, deletions, replacements, exchanges."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        this = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, this[j - 1] + 1, last[j - 1] + (one != other))
            if i > 1 and j > 1 and one == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            this.append(cost)
        before, last = last, this
    return last[-1]


def _are_near(words: tuple[str, ...], known: tuple[str, ...]) -> bool:
    pairs = [(a, b) for a, b in zip(words, known, strict=True) if a != b]
    return len(pairs) == 1 and _is_slip(*pairs[0])


def _knob_meant_by(name: str) -> str | None:
    """``HEALTH_OPENAI_TIMEOUT`` for a slip in its last part; any check may exist."""
    first, *words = name.split("_")
    if first != "HEALTH":
        return None
    endings = [(words[:at], tuple(words[at:])) for at in range(1, len(words))]
    whole = next((one for one in endings if "_".join(one[1]) in _KNOBS), None)
    if whole is not None:
        return _check_meant_by(*whole)
    for check, knob in endings:
        for known in _KNOBS:
            wanted = tuple(known.split("_"))
            joined = "".join(knob) == "".join(wanted)
            if joined or (len(knob) == len(wanted) and _are_near(knob, wanted)):
                return "_".join((first, *check, known))
    return None


def _check_meant_by(check: list[str], knob: tuple[str, ...]) -> str | None:
    """A check that comes with the service; somebody's own is seldom a slip away."""
    given = "_".join(check)
    names = sorted(one.upper() for one in CHECKS)
    if given in names:
        return None
    meant = next((one for one in names if _is_slip(given, one)), None)
    return "_".join(("HEALTH", meant, *knob)) if meant else None


def _misspelt(facts: Facts) -> Broken:
    for name, known in _slips(facts):
        yield name, f"did you mean {known}? Nothing reads this name"


def _slips(facts: Facts) -> Iterator[tuple[str, str]]:
    for name in (*facts.variables.values, *facts.variables.sealed):
        known = meant_by(name) or _otherwise_called(name, facts)
        if known:
            yield name, known


def _otherwise_called(name: str, facts: Facts) -> str | None:
    """A URL of the specification's list as URI, where the URL itself is not set.

    Where it is, the URI may be what another library reads.
    """
    url = f"{name.removesuffix('_URI')}_URL"
    is_meant = name.endswith("_URI") and url in REQUIRED and not facts.is_there(url)
    return url if is_meant else None


RULES: Final = (
    Rule(
        name="misspelt-name",
        variables=KNOWN,
        severity=severities(Severity.WARNING, Severity.WARNING, Severity.INFO),
        reason="a misspelt variable is silently without effect",
        remedy="rename it, or leave it if it is another program's",
        broken=_misspelt,
    ),
)
