<%!
    import json


    def told(value):
        if value is None or isinstance(value, str):
            return "None" if value is None else json.dumps(value)
        comma = "," if len(value) == 1 else ""
        return "(" + ", ".join(json.dumps(one) for one in value) + comma + ")"


    def words(value):
        several = (value,) if isinstance(value, str) else value or ()
        return "".join(f" {one}" for one in several)
%>\
<%
    body = f"{upgrades or ''}{downgrades or ''}"
    given = (imports or "").splitlines()
    # The application's own modules come last, as the formatter has it.
    own = [line for line in given if line.startswith(("import ", "from app."))]
    needed = [line for line in given if line not in own]
    # What is to be filled by hand will want both.
    needed += ["from alembic import op"] * (not body or "op." in body)
    needed = ["import sqlalchemy as sa"] * (not body or "sa." in body) + sorted(needed)
%>\
"""${message.rstrip(".")}.

Revision ID: ${up_revision}
Revises:${words(down_revision)}
Created: ${create_date.date()}
"""

from collections.abc import Sequence

% for line in needed:
${line}
% endfor
% if needed:

% endif
% for line in own:
${line}
% endfor
% if own:

% endif
revision: str = ${told(up_revision)}
down_revision: str | Sequence[str] | None = ${told(down_revision)}
branch_labels: str | Sequence[str] | None = ${told(branch_labels)}
depends_on: str | Sequence[str] | None = ${told(depends_on)}


def upgrade() -> None:
    """${"Takes away what no release uses any more." if contract else "Goes forward while the previous release still serves."}"""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Goes back."""
    ${downgrades if downgrades else "pass"}
