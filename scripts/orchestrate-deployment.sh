#!/usr/bin/env bash
# `pm33 deploy`, from any directory; `--help` lists the options. ENVIRONMENT and
# MIGRATION_REQUIRED stand for --environment and --migrate; an option beats its variable.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
exec "${PYTHON:-python3}" -c '
import sys
sys.path[0] = sys.argv.pop(1)
from app.cli.shim import run
run("app.cli.deploy:deploy", "orchestrate-deployment.sh")
' "$root" "$@"
