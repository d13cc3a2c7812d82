import time
from dataclasses import replace
from pathlib import Path

from app.backend.migrations.revisions import render_heads
from app.backend.migrations.sources import OURS, Source

REVISION = """
revision = {name!r}
down_revision = {follows!r}
depends_on = {needs!r}
branch_labels = {labels!r}
"""


def write(
    folder: Path,
    name: str,
    follows: str | None,
    needs: str | None = None,
    label: str = "",
) -> str:
    text = REVISION.format(
        name=name, follows=follows, needs=needs, labels=(label,) if label else None
    )
    (folder / f"{name}.py").write_text(text)
    return name


def chain(folder: Path, length: int) -> Source:
    last = None
    for number in range(length):
        label = "" if number else "expand"
        last = write(folder, f"r{number:03}", last, label=label)
    return replace(OURS, folder=folder)


def test_a_contract_revision_that_depends_on_the_head_stands_for_it(
    tmp_path: Path,
) -> None:
    source = chain(tmp_path, 3)
    write(tmp_path, "c1", None, needs="r001", label="contract")
    write(tmp_path, "c2", "c1", needs="r002")

    text = render_heads(source)

    assert 'EXPAND_HEAD: Final = "r002"\n' in text
    assert 'ARRIVED: Final = (\n    "r002",\n    "c2",\n)\n' in text


def test_the_heads_of_500_revisions_are_written_in_two_seconds(tmp_path: Path) -> None:
    source = chain(tmp_path, 500)

    began = time.process_time()
    text = render_heads(source)

    assert time.process_time() - began < 2
    assert text.count('"r') == 500 + 2
