"""Where Alembic looks for its environment; the code is with the migration system."""

from app.backend.migrations.env import run

run()
