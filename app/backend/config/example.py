"""The text of ``.env.example``: every variable, described, as the settings have it."""

import textwrap
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Final

from app.backend.config.catalogue import CHECK, Entry, catalogue

__all__ = ["FIRST_LINE", "render_example"]

FIRST_LINE: Final = "# Every variable of PM33 Ops. `pm33 env example` writes this file."
"""By which a file is known to have been written here, and may be written over."""

_WIDTH: Final = 88
_SHOWN_CHECK: Final = "DATABASE"
_HEAD: Final = f"""\
{FIRST_LINE}
# To change a line, change its field in app/backend/config/settings.
#
# Copy it to a file that git does not know, fill in what the environment needs, check:
#
#   cp .env.example .env
#   pm33 env validate --environment production --env-file .env
#   pm33 env explain SECRET_KEY
#
# Without a # stands what production requires. The others show their default, if they
# have one. An empty value counts as none. Each secret can also be given as a file that
# holds it alone, as in SECRET_KEY_FILE=/run/secrets/secret_key.
"""


def render_example(required: Collection[str]) -> str:
    """The whole file.

    Args:
        required: names of the variables that production requires.
    """
    groups = groupby(catalogue().values(), key=lambda entry: entry.group)
    sections = (_section(group, members, required) for group, members in groups)
    return "\n".join([_HEAD, *sections])


def _section(group: str, entries: Iterator[Entry], required: Collection[str]) -> str:
    title = f"# --- {group} ".ljust(_WIDTH, "-")
    return "\n".join([f"{title}\n", *(_variable(one, required) for one in entries)])


def _variable(entry: Entry, required: Collection[str]) -> str:
    needed = entry.name in required
    facts = [entry.kind] if entry.kind != "text" else []
    facts += ["secret"] * entry.secret + ["required in production"] * needed
    told = ", ".join(facts)
    words = f"{entry.description} {told[:1].upper()}{told[1:]}{'.' * bool(told)}"
    lines = textwrap.wrap(words, _WIDTH - 2, break_on_hyphens=False)
    name = entry.name.replace(CHECK, _SHOWN_CHECK)
    # What production requires is to be thought about, not left at its default.
    setting = f"{name}=" if needed else f"#{name}={entry.default or ''}"
    return "".join(f"{line}\n" for line in [*(f"# {one}" for one in lines), setting])
