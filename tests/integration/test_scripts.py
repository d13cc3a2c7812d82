import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bare_python import locked_packages, virtual_environment
from tests.support.scripts import ROOT, SCRIPTS, ran

ALL = ("orchestrate-deployment.sh", "deploy.py", "rollback.py", "validate-env.py")
DEPLOYS = ("orchestrate-deployment.sh", "deploy.py")


def git(*words: str) -> str:
    """What git says of the project itself."""
    said = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, check=True)
    return said.stdout.decode().strip()


def copied(folder: Path) -> Path:
    """The project without its environment and history."""
    project = folder / "project"
    for name in ("app", "migrations", "scripts"):
        shutil.copytree(
            ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return project


@pytest.mark.parametrize("script", ALL)
def test_a_script_is_executable_and_no_more_than_a_shim(script: str) -> None:
    path = SCRIPTS / script

    assert os.access(path, os.X_OK)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 20


@pytest.mark.parametrize("script", ALL)
async def test_a_script_runs_from_anywhere_with_an_empty_environment(
    script: str, tmp_path: Path
) -> None:
    said = await ran(SCRIPTS / script, "--help", folder=tmp_path)

    assert said.code == 0, said.err
    assert said.out.startswith(f"Usage: {script} [OPTIONS]")
    assert "--environment" in said.out


@pytest.mark.parametrize("script", ALL)
async def test_a_file_of_the_working_directory_hides_no_module(
    script: str, tmp_path: Path
) -> None:
    for name in ("json.py", "click.py", "app.py", "deploy.py"):
        (tmp_path / name).write_text("raise SystemExit(99)")
    said = await ran(SCRIPTS / script, "--help", folder=tmp_path)

    assert said.code == 0, said.err


@pytest.mark.parametrize("script", ALL)
async def test_a_script_may_be_reached_by_a_link(script: str, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to(SCRIPTS / script)
    said = await ran(link, "--help", folder=tmp_path)

    assert said.code == 0, said.err


@pytest.mark.parametrize("script", ALL)
async def test_an_option_that_there_is_not_exits_with_2(
    script: str, tmp_path: Path
) -> None:
    said = await ran(SCRIPTS / script, "--nonsense", folder=tmp_path)

    assert said.code == 2
    assert "--nonsense" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("script", [*DEPLOYS, "rollback.py"])
async def test_without_an_environment_the_choices_are_named(
    script: str, tmp_path: Path
) -> None:
    said = await ran(SCRIPTS / script, folder=tmp_path, PM33_HOME=str(tmp_path))

    assert said.code == 2
    assert "development, staging, production" in said.err


@pytest.mark.parametrize("script", [*DEPLOYS, "rollback.py"])
async def test_an_option_beats_its_variable_and_the_first_line_says_so(
    script: str, tmp_path: Path
) -> None:
    home = {"PM33_HOME": str(tmp_path)}
    variable = await ran(
        SCRIPTS / script, folder=tmp_path, ENVIRONMENT="staging", **home
    )
    option = await ran(
        *(SCRIPTS / script, "--environment", "production"),
        folder=tmp_path,
        ENVIRONMENT="staging",
        **home,
    )

    assert variable.err.splitlines()[0] == "environment staging (from ENVIRONMENT)", (
        variable.err
    )
    assert option.err.splitlines()[0] == "environment production (from --environment)"


@pytest.mark.parametrize("script", [*DEPLOYS, "rollback.py"])
async def test_without_a_token_of_railway_the_remedy_says_how_to_come_by_one(
    script: str, tmp_path: Path
) -> None:
    commit = git("rev-parse", "HEAD")
    which = ("--commit", commit) if script in DEPLOYS else ()
    words = (SCRIPTS / script, "--environment", "production", *which)
    given = {"HOME": str(tmp_path), "PM33_HOME": str(tmp_path)}
    said = await ran(*words, folder=tmp_path, **given)
    told = await ran(*words, "--json", folder=tmp_path, **given)

    assert (said.code, said.out) == (78, ""), said.err
    assert "there is no token for Railway" in said.err
    assert "RAILWAY_TOKEN" in json.loads(told.out)["remedy"]


@pytest.mark.parametrize("script", DEPLOYS)
async def test_a_variable_that_cannot_be_read_stops_a_deploy(
    script: str, tmp_path: Path
) -> None:
    said = await ran(
        *(SCRIPTS / script, "-e", "development"),
        folder=tmp_path,
        MIGRATION_REQUIRED="perhaps",
        PM33_HOME=str(tmp_path),
    )

    assert said.code == 78
    assert "MIGRATION_REQUIRED" in said.err


async def test_an_emergency_is_not_held_up_by_a_variable(tmp_path: Path) -> None:
    said = await ran(
        *(SCRIPTS / "rollback.py", "--reason", "emergency", "-e", "development"),
        folder=tmp_path,
        PM33_BAKE="a while",
        PORT="eighty",
        PM33_HOME=str(tmp_path),
    )

    assert said.code == 3, said.err
    assert "pm33 platform up" in said.err
    # Nobody runs that platform, nor will by himself: it is not waited for.
    assert said.err.count("asking again") == 1, said.err


async def test_the_validation_of_the_specification_works_as_written(
    tmp_path: Path,
) -> None:
    words = (SCRIPTS / "validate-env.py", "--environment", "production", "--verbose")
    said = await ran(*words, folder=tmp_path)
    clean = await ran(SCRIPTS / "validate-env.py", folder=tmp_path)

    assert said.code == 1
    assert "DATABASE_URL" in said.out
    assert said.err == "environment production (from --environment)\n"
    assert (clean.code, clean.err) == (0, "environment development (by default)\n")


async def test_nothing_but_the_runtime_lock_is_needed(tmp_path: Path) -> None:
    python = virtual_environment(tmp_path / "venv", locked_packages())
    project = copied(tmp_path)
    home = {"PM33_HOME": str(tmp_path / "home")}
    production = ("--environment", "production")
    # There is no history to deploy from, and no token to roll back with.
    codes = {"deploy.py": 2, "rollback.py": 78, "validate-env.py": 1}
    for script, code in codes.items():
        said = await ran(
            *(python, project / "scripts" / script, *production),
            folder=tmp_path,
            **home,
        )
        assert said.code == code, said.err


async def test_the_projects_own_environment_is_found_by_any_other_interpreter(
    tmp_path: Path,
) -> None:
    project = copied(tmp_path)
    virtual_environment(project / ".venv", locked_packages())
    outside = Path(sys.base_prefix) / "bin" / "python3"
    for script in ("deploy.py", "validate-env.py"):
        said = await ran(
            outside, project / "scripts" / script, "--help", folder=tmp_path
        )
        assert said.code == 0, said.err
    said = await ran(
        *(project / "scripts" / "orchestrate-deployment.sh", "--help"),
        folder=tmp_path,
        PYTHON=str(outside),
        PATH=os.defpath,
    )
    assert said.code == 0, said.err


async def test_an_interpreter_without_the_dependencies_says_how_to_get_them(
    tmp_path: Path,
) -> None:
    python = virtual_environment(tmp_path / "venv", [])
    said = await ran(
        python, copied(tmp_path) / "scripts" / "deploy.py", "--help", folder=tmp_path
    )

    assert (said.code, said.out) == (78, "")
    assert "make setup" in said.err
    assert "Traceback" not in said.err
