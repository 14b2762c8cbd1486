"""``understudy session``: what was recorded, and what can be done with it."""

from __future__ import annotations

import click

from understudy.cli._commands import Group
from understudy.cli.session import correcting, forgetting, keeping, looking, replaying


@click.group(cls=Group)
def session() -> None:
    """List, show, check, replay and move sessions.

    A SESSION is named by its id, by its directory, or by the beginning of either.
    """


for command in (
    looking.list_sessions,
    looking.show_session,
    looking.verify_sessions,
    replaying.replay_session,
    correcting.correct_answer,
    keeping.scan_sessions,
    keeping.merge_sessions,
    keeping.archive_sessions,
    keeping.restore_sessions,
    forgetting.forget_sessions,
):
    session.add_command(command)
