import inspect
import re

import pytest

from app import errors
from app.errors import (
    CheckFailedError,
    ConfigError,
    HealthUnreachableError,
    OpsError,
)

CLASSES = {
    name: found
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if found.__module__ == errors.__name__
}


def drawn() -> dict[str, str]:
    """Each class of the tree in the module's docstring, with its parent."""
    above, parents = {-1: ""}, {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.search(r"[A-Z]\w+Error", line)
        if found and (found.start() == 4 or line[4] in "│├└"):
            depth = (found.start() - 4) // 4
            parents[found[0]] = above[depth - 1]
            above[depth] = found[0]
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn() == {
        name: "" if found is OpsError else found.__bases__[0].__name__
        for name, found in CLASSES.items()
    }


def test_every_error_is_exported() -> None:
    assert sorted(errors.__all__) == sorted(CLASSES)


@pytest.mark.parametrize("kind", CLASSES.values())
def test_every_error_says_what_to_do_and_how_to_end(kind: type[OpsError]) -> None:
    error = kind("it broke", remedy="mend it")

    assert (str(error), error.remedy) == ("it broke", "mend it")
    assert error.exit_code in {1, 2, 3, 4, 5, 75, 78, 130}  # contract §8
    assert 400 <= error.http_status <= 599
    assert error.title


def test_the_exit_codes_are_the_contracts() -> None:
    assert ConfigError.exit_code == 78
    assert HealthUnreachableError.exit_code == 3
    assert OpsError.exit_code == 1


def test_a_failed_check_names_its_failure() -> None:
    error = CheckFailedError("no", failure="auth", answered=True)

    assert (error.failure, error.answered) == ("auth", True)
    assert CheckFailedError("no").failure == "internal"
