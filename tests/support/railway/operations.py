"""Operations by name: the pipeline's, and some that only the simulator is asked for."""

from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.railway import operations

__all__ = ["operation", "operation_texts"]

_MORE: Final = Path(__file__).with_name("graphql")


def operation(name: str) -> str:
    """The text of an operation.

    Raises:
        LookupError: there is none of that name.
    """
    file = _MORE / f"{name}.graphql"
    return file.read_text("utf-8") if file.exists() else operations.operation(name)


def operation_texts() -> dict[str, str]:
    """Every operation by its name."""
    folders = (operations.OPERATIONS, _MORE)
    files = [path for folder in folders for path in folder.glob("*.graphql")]
    return {path.stem: path.read_text("utf-8") for path in sorted(files)}
