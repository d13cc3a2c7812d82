import pytest

from app.backend.config.environment import read_config
from app.cli.migrate.scratch import place_of


@pytest.mark.parametrize(
    ("word", "environment", "place"),
    [
        ("auto", "development", "auto"),
        ("auto", "staging", "auto"),
        ("auto", "production", "embedded"),
        ("target", "production", "target"),
        ("embedded", "development", "embedded"),
    ],
)
def test_the_server_of_production_is_left_alone_unless_it_is_named(
    word: str, environment: str, place: str
) -> None:
    assert place_of(word, read_config({"ENVIRONMENT": environment})) == place
