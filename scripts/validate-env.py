#!/usr/bin/env python3
"""`pm33 env validate`, from any directory."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from app.cli.shim import run  # noqa: E402 - the line above says where it is

if __name__ == "__main__":
    run("app.cli.env.validate:validate", "validate-env.py")
