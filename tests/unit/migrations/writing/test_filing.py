import pytest

from app.backend.migrations.writing.filing import gathered, revision_id, titled
from app.backend.migrations.writing.outcome import NEW, Draft


@pytest.mark.parametrize(
    ("message", "known", "expected"),
    [
        ("Add a note", [], "0001_add_a_note"),
        ("add", ["0007_x", "0009_y"], "0010_add"),
        ("add", ["a1", "b2"], "0003_add"),
        ("Größe: µ!", [], "0001_gr_e"),
        ("???", [], "0001_revision"),
        ("a" * 50, [], "0001_" + "a" * 27),
    ],
)
def test_an_id_is_a_number_and_what_it_is_for(
    message: str, known: list[str], expected: str
) -> None:
    assert revision_id(message, known) == expected


def test_an_id_of_another_source_is_not_taken() -> None:
    assert revision_id("a", [], ["0001_a"]) == "0002_a"


def draft(title: str, group: str = "") -> Draft:
    return Draft(title=title, up=(f"up {title}",), down=(f"down {title}",), group=group)


def test_drafts_of_a_group_are_one_revision_whose_way_back_is_the_reverse() -> None:
    found = gathered(
        [draft("a", NEW), draft("b"), draft("c", "columns of t"), draft("d", NEW)]
    )

    assert [one.title for one in found] == ["a, d", "b", "c"]
    assert found[0].up == ("up a", "up d")
    assert found[0].down == ("down d", "down a")


def test_a_group_of_columns_is_called_after_their_table() -> None:
    (found,) = gathered([draft("c", "columns of t"), draft("d", "columns of t")])
    assert found.title == "columns of t"


def test_a_title_keeps_what_its_revision_does() -> None:
    found = titled("a customer has an email, and " * 4, "index ix_order_note on order")

    assert found.startswith("a customer has an email, and ")
    assert found.endswith(" …: index ix_order_note on order")
    assert len(found) <= 80
    assert titled("Add.", "index a") == "Add: index a"
