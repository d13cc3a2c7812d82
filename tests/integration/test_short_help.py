"""``-h`` is help, whatever is asked."""

from pathlib import Path

import pytest

from tests.support.scripts import PM33, SCRIPTS, ran


@pytest.mark.parametrize(
    "words",
    [
        (PM33, "-h"),
        (PM33, "deploy", "resume", "-h"),
        (SCRIPTS / "rollback.py", "-h"),
        (SCRIPTS / "orchestrate-deployment.sh", "-h"),
    ],
    ids=lambda words: " ".join(Path(word).name for word in words),
)
async def test_a_short_option_asks_for_help(
    words: tuple[str | Path, ...], tmp_path: Path
) -> None:
    said = await ran(*words, folder=tmp_path, PATH="/usr/bin:/bin")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: ")
    assert "-h, --help" in said.out
