import pytest

from app.backend.config.rules.placeholders import is_placeholder
from tests.support.plausible import LIST


@pytest.mark.parametrize(
    "text",
    [
        *("sk-ant-...", "phc_...", "https://...", "sk-ant-\u2026", "re_xxxxxxxxx"),
        *("xxx", "sk_live_xxxx", "changeme", "change-me", "CHANGE_ME", "replace-me"),
        *("<key>", "<your-api-key>", "your-secret-key-32-chars-minimum", "YOUR_KEY"),
        *("put-the-key-here", "todo", "tbd", "none", "null", "secret", "test"),
        *("${SECRET_KEY}", "$SECRET", "${{Postgres.DATABASE_URL}}", "{{ key }}"),
        *("https://<project>.supabase.co", "sk_live_<key>"),
        *("sk_live_********abcd", "placeholder-for-the-key", "my-secret", "dummy"),
        "postgresql+asyncpg://user:pass@host/db",
        "https://xyzcompany.supabase.co",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    ],
)
def test_what_stands_for_a_value_is_none(text: str) -> None:
    assert is_placeholder("SECRET_KEY", text)


@pytest.mark.parametrize(("name", "text"), LIST.items())
def test_a_real_value_is_no_placeholder(name: str, text: str) -> None:
    assert not is_placeholder(name, text)


@pytest.mark.parametrize(
    "text",
    [
        "hereditary-todo-1f9c-nonesuch",
        "9xxx4f",
        "contest-2b",
        "$kT9sd8fQ2",
        "a<b9Q>c",
        "p{{q",
        "app:testing@db.internal",
        "postgresql://app:pw@host-7.pm33.app/x",
    ],
)
def test_words_inside_a_value_do_not_make_it_one(text: str) -> None:
    assert not is_placeholder("SECRET_KEY", text)


@pytest.mark.parametrize("name", ["DEBUG", "PINECONE_INDEX", "PM33_LOG_LEVEL", "HOST"])
def test_only_what_has_no_such_values_is_judged(name: str) -> None:
    assert not is_placeholder(name, "test")
