from pathlib import Path

import pytest

from app.backend.database.models import Base
from app.backend.migrations.sources import (
    OURS,
    Source,
    load_metadata,
    source_named,
    sources_of,
)
from app.errors import ConfigError, TargetError
from tests.support.judging import config_of
from tests.support.shop_models import FIRST


def theirs(folder: Path, metadata: str | None = None) -> Source:
    more = {} if metadata is None else {"PM33_METADATA": metadata}
    found = sources_of(config_of(PM33_MIGRATIONS=str(folder), **more))
    assert [one.name for one in found] == ["pm33", "app"]
    return found[1]


def test_without_a_folder_there_are_only_ours() -> None:
    assert sources_of(config_of()) == (OURS,)


def test_a_source_is_named_or_it_is_the_applications(tmp_path: Path) -> None:
    sources = (OURS, theirs(tmp_path))

    assert source_named(sources, None).name == "app"
    assert source_named([OURS], None) is OURS
    assert source_named(sources, "pm33") is OURS
    with pytest.raises(TargetError, match="known are pm33"):
        source_named([OURS], "app")


def test_tables_are_what_is_named_or_what_a_base_has(tmp_path: Path) -> None:
    assert load_metadata(OURS) is Base.metadata
    assert load_metadata(theirs(tmp_path)) is None
    assert load_metadata(theirs(tmp_path, "tests.support.shop_models:FIRST")) is FIRST
    base = theirs(tmp_path, "app.backend.database.models:Base")
    assert load_metadata(base) is Base.metadata


@pytest.mark.parametrize("path", ["nowhere:at_all", "tests.support.shop_models:NO"])
def test_tables_that_are_not_there_are_said(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        load_metadata(theirs(tmp_path, path))
