import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.backend.config.environment import known_variables
from app.backend.config.variables import Variables
from app.cli.env.diff import compare, diff
from app.cli.env.sources import PROCESS_PLACE
from app.errors import UnreadableSourceError

CLEAN = dict.fromkeys((*known_variables(), "ENVIRONMENT"))


def of(source: str = "here", *sealed: str, **values: str) -> Variables:
    return Variables(values=values, source=source, sealed=frozenset(sealed))


def ask(*words: str | Path, **variables: str) -> Result:
    return CliRunner(env={**CLEAN, **variables}).invoke(diff, list(map(str, words)))


def test_names_are_sorted_into_what_is_where_and_equal() -> None:
    found = compare(of(A="1", B="2", C="3"), of(B="2", C="4", D="5"))

    assert (found.only_first, found.only_second) == (("A",), ("D",))
    assert (found.different, found.equal) == (("C",), ("B",))
    assert not found.same


def test_what_is_sealed_is_there_and_cannot_be_compared() -> None:
    found = compare(of("here", "A", B="1"), of("there", "B", A="2"))

    assert found.unknown == ("A", "B")
    assert (found.different, found.equal) == ((), ())
    assert found.same


def test_of_the_process_only_what_matters_is_compared() -> None:
    process = of(PROCESS_PLACE, PATH="/bin", PORT="80", PM33_NEW="1", EXTRA="x")
    found = compare(process, of("file", EXTRA="y"))

    assert found.only_first == ("PM33_NEW", "PORT")
    assert found.different == ("EXTRA",)


def test_a_name_that_may_be_a_piece_of_a_secret_is_not_shown() -> None:
    # The last line of a key in base64, pasted into a file, looks like NAME=.
    pasted = Variables(
        values={"c2VjcmV0c2VjcmV0": "="},
        source="file",
        places={"c2VjcmV0c2VjcmV0": "file, line 7"},
    )
    found = compare(pasted, of())

    assert found.only_first == ("(what file, line 7 sets)",)


def test_the_words_show_names_and_no_value(tmp_path: Path) -> None:
    one, two = tmp_path / "one.env", tmp_path / "two.env"
    one.write_text("PORT=80\nSECRET_KEY=canary-one\nHOST=::\n")
    two.write_text("PORT=80\nSECRET_KEY=canary-two\nDEBUG=true\n")
    said = ask(one, two)

    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        f"only in {one}",
        "  HOST",
        f"only in {two}",
        "  DEBUG",
        "different",
        "  SECRET_KEY",
        "1 equal, 1 different, 2 in one of them only",
    ]
    assert "canary" not in said.output


def test_json_has_the_same_lists(tmp_path: Path) -> None:
    one = tmp_path / "one.env"
    one.write_text("SECRET_KEY=canary-one\n")
    said = ask(one, "process", "--json", SECRET_KEY="canary-two")

    body = json.loads(said.stdout)
    assert body["different"] == ["SECRET_KEY"]
    assert (body["first"], body["second"]) == (str(one), PROCESS_PLACE)
    assert body["same"] is False
    assert "canary" not in said.output


def test_the_same_is_no_difference(tmp_path: Path) -> None:
    one = tmp_path / "one.env"
    one.write_text("SECRET_KEY=canary-one\n")

    assert ask(one, one).exit_code == 0


def test_a_source_that_cannot_be_read_is_a_wrong_question(tmp_path: Path) -> None:
    said = ask("process", tmp_path / "none.env")

    assert isinstance(said.exception, UnreadableSourceError)
    assert said.exception.exit_code == 2


@pytest.mark.parametrize("words", [(), ("process",)], ids=["none", "one"])
def test_two_sources_are_compared(words: tuple[str, ...]) -> None:
    assert ask(*words).exit_code == 2
