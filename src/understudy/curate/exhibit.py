"""What a person or a judge is shown of a session before it is scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.session.steps import AgentStep
from understudy.store.atomic import safe_join

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession


class KeyPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A screenshot that tells how the session began or ended."""

    caption: str
    path: Path


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """A session in short."""

    id: str
    name: str
    game: str
    player: str
    model: str
    task: str
    result: str
    """How it ended, in words."""
    steps: int
    max_steps: int | None
    reference_steps: int | None
    check: str
    """What the task's own check says, in words; empty where there is none."""
    pictures: tuple[KeyPicture, ...]
    """The first one, the one before the last action, and the last one; alike ones only once."""


def exhibit(session: RecordedSession) -> Exhibit:
    """What is to be shown of ``session``; reads its trace once.

    Raises CorruptionError for a damaged trace, StorageError for one that names files elsewhere.
    """
    header = session.header
    facts = session.manifest.facts if session.manifest is not None else {}
    steps, pictures = _walk(session)
    task = header.metadata.get("task")
    task = task if isinstance(task, dict) else {}
    return Exhibit(
        id=header.id,
        name=header.name,
        game=header.game,
        player=header.player,
        model=header.model or "",
        task=header.task or str(task.get("words", "")),
        result=_result(facts),
        steps=steps,
        max_steps=_whole(header.metadata.get("max_steps")),
        reference_steps=_whole(task.get("reference_steps")),
        check=_check(facts.get("check")),
        pictures=pictures,
    )


def _walk(session: RecordedSession) -> tuple[int, tuple[KeyPicture, ...]]:
    count = 0
    first: AgentStep | None = None
    before_last: AgentStep | None = None
    last: AgentStep | None = None
    for step in session.trace():
        if isinstance(step, AgentStep):
            count += 1
            if step.screenshot is not None:
                first = first or step
                before_last, last = last, step
            if step.screenshot_after is not None:
                last = step
    shown: dict[str, str] = {}
    if first is not None:
        shown[str(first.screenshot)] = f"before step {first.step}"
    if last is not None:
        if last.screenshot_after is None and before_last is not None:
            shown.setdefault(str(before_last.screenshot), f"before step {before_last.step}")
        if last.screenshot is not None:
            shown.setdefault(last.screenshot, f"before step {last.step}: {_in_short(last.action)}")
        if last.screenshot_after is not None:
            shown.setdefault(last.screenshot_after, f"after step {last.step}")
    return count, _distinct(session.path, shown)


def _distinct(folder: Path, shown: dict[str, str]) -> tuple[KeyPicture, ...]:
    """The pictures, those that are alike only once, under the captions of all."""
    captions: dict[bytes, list[str]] = {}
    paths: dict[bytes, Path] = {}
    for name, caption in shown.items():
        path = safe_join(folder, name)
        content = path.read_bytes() if path.is_file() else name.encode()
        captions.setdefault(content, []).append(caption)
        paths[content] = path
    return tuple(
        KeyPicture(caption=" = ".join(captions[content]), path=path)
        for content, path in paths.items()
    )


def _result(facts: dict[str, Any]) -> str:
    completion = str(facts.get("completion") or facts.get("status") or "not sealed")
    said = [facts.get("outcome"), facts.get("reason")]
    return ": ".join([completion.replace("_", " "), *(str(words) for words in said if words)])


def _check(check: object) -> str:
    if not isinstance(check, dict):
        return ""
    if check.get("success"):
        return "passed"
    missing = [str(line) for line in check.get("missing") or ()]
    return f"failed: {'; '.join(missing)}" if missing else "failed"


def _in_short(action: object) -> str:
    words = " ".join(str(action).split())
    return words if len(words) <= 24 else f"{words[:23]}…"


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
