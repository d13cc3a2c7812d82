"""``pm33 env diff``: how two sources differ, by names and never by values."""

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click

from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.config.variables import Variables

__all__ = ["Difference", "compare", "diff"]

_OURS: Final = ("PM33_", "HEALTH_", "RAILWAY_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Names alone, each list in alphabetical order.

    Attributes:
        unknown: in both, but sealed in one of them, so that nobody can compare.
    """

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    different: tuple[str, ...]
    unknown: tuple[str, ...]
    equal: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing is known to differ."""
        return not (self.only_first or self.only_second or self.different)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@json_option
def diff(first: str, second: str, *, as_json: bool) -> None:
    """Compares the variables of two sources by name and equality.

    A source is `process`, a dotenv file, `local:ENV` or `railway:ENV`. Of the process
    environment counts what the settings know, or the other source has.

    Exits with 0 if they are the same, 1 if they differ, 2 if one cannot be read.
    """
    from app.cli.env.sources import load_source  # noqa: PLC0415 - 0.1 s

    given = load_source(first), load_source(second)
    found = compare(*given)
    if as_json:
        body = {"first": given[0].source, "second": given[1].source, "same": found.same}
        click.echo(json.dumps(body | asdict(found), indent=2))
    else:
        click.echo("\n".join(_lines(found, *given)))
    sys.exit(0 if found.same else 1)


def compare(first: "Variables", second: "Variables") -> Difference:
    """What is in one of them, what in both, and what of that is equal."""
    names = _names(first, second), _names(second, first)
    sealed = first.sealed | second.sealed
    both = {name: name not in sealed for name in names[0] & names[1]}
    equal = {
        name
        for name, readable in both.items()
        if readable and first.values[name] == second.values[name]
    }
    return Difference(
        only_first=_shown(names[0] - names[1], first),
        only_second=_shown(names[1] - names[0], second),
        different=_shown(
            {n for n, readable in both.items() if readable} - equal, first
        ),
        unknown=_shown({n for n, readable in both.items() if not readable}, first),
        equal=_shown(equal, first),
    )


def _names(variables: "Variables", other: "Variables") -> set[str]:
    """Of the process environment what can matter; the shell has much of its own."""
    from app.cli.env.sources import PROCESS_PLACE  # noqa: PLC0415 - as above

    names = {*variables.values, *variables.sealed}
    if variables.source != PROCESS_PLACE:
        return names
    return {one for one in names if _is_ours(one)} | (
        names & {*other.values, *other.sealed}
    )


def _is_ours(name: str) -> bool:
    from app.backend.config.environment import known_variables  # noqa: PLC0415 - 0.3 s

    known = known_variables()
    secret_file = known.get(name.removesuffix("_FILE"), False)
    return name in known or secret_file or name.startswith(_OURS)


def _shown(names: Collection[str], variables: "Variables") -> tuple[str, ...]:
    from app.backend.config.variables import may_be_shown  # noqa: PLC0415 - as above

    return tuple(
        name if may_be_shown(name) else f"(what {variables.place(name)} sets)"
        for name in sorted(names)
    )


def _lines(found: Difference, first: "Variables", second: "Variables") -> Iterator[str]:
    parts: Mapping[str, tuple[str, ...]] = {
        f"only in {first.source}": found.only_first,
        f"only in {second.source}": found.only_second,
        "different": found.different,
        "sealed, and so not compared": found.unknown,
    }
    for heading, names in parts.items():
        if names:
            yield click.style(heading, bold=True)
            yield from (f"  {name}" for name in names)
    apart = len(found.only_first) + len(found.only_second)
    counts = f"{len(found.equal)} equal, {len(found.different)} different"
    yield f"{counts}, {apart} in one of them only"
