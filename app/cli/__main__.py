"""``python -m app.cli`` is ``pm33``."""

from app.cli.main import main

main()
