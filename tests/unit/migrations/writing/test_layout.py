import ast

import pytest

from app.backend.migrations.writing.layout import flat, imports_of, laid_out

WIDE = "op.f('" + "x" * 66 + "')"


def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("op.f('ix')", 'op.f("ix")'),
        ("'it\\'s'", '"it\'s"'),
        ("'say \"yes\"'", "'say \"yes\"'"),
        ("('a',)", '("a",)'),
        ("{'a': 1, 'b': [2]}", '{"a": 1, "b": [2]}'),
        ("f(-1, x=True, y=None)", "f(-1, x=True, y=None)"),
        ("sa.text('äöü')", 'sa.text("äöü")'),
    ],
)
def test_quotes_are_the_formatters(given: str, expected: str) -> None:
    assert flat(parsed(given)) == expected
    assert laid_out(parsed(given), 0) == expected


def test_what_is_too_long_has_one_part_a_line() -> None:
    node = parsed(f"op.g('t', [{WIDE}], schema='s')")

    assert laid_out(node).splitlines() == [
        "    op.g(",
        '        "t",',
        f"        [{flat(parsed(WIDE))}],",
        '        schema="s",',
        "    )",
    ]


def test_it_says_the_same_as_before() -> None:
    text = f"op.g(sa.C('a', {WIDE}, sa.E({WIDE}), d={{'k': {WIDE}}}), e=[{WIDE}, 2])"
    assert ast.dump(parsed(laid_out(parsed(text)).strip())) == ast.dump(parsed(text))


def test_the_applications_own_types_are_imported() -> None:
    node = parsed("op.g(shop.types.Money(2), sa.Text(), postgresql.JSONB(), op.f('i'))")
    assert list(imports_of(node)) == ["shop.types"]
