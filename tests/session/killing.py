"""What seals and keeps sessions (archive, restore, forget…), killed before each change to a file.

Run as a program: for every N, a copy of a prepared workspace is worked on by a child process that
kills itself with SIGKILL when it is about to make its Nth change in the file system; another child
then opens what is left and checks it. Forking a program that has imported everything and started
no thread makes hundreds of kills a matter of seconds.
"""

import itertools
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import understudy
from understudy.session.verify import verify
from understudy.store.lineage import read_marks

SECRET = "Ashdown"
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def kill_before_change(number: int) -> None:
    """From now on, die before the change of this number (from 1)."""
    left = number

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _CHANGES or (event == "open" and int(arguments[2] or 0) & _WRITING):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def in_child(work: Callable[[], None]) -> int:
    """The wait status of a child process that does ``work``."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1]


def the_session(ws: understudy.Workspace) -> str:
    [row] = ws.rows()
    return row.id


def check_content(ws: understudy.Workspace, identity: str, *, masked: bool = False) -> None:
    session = ws.session(identity)
    assert verify(session.path) == []
    texts = [step.messages[0]["content"] for step in session.trace()]
    name = "[WORD]" if masked else SECRET
    assert texts == [f"Is {name} here?", "Who else?"]
    assert [entry.score for entry in session.feedback()] == [7, 3]
    assert session.frames().num_rows == 3
    assert session.image(0).shape == (4, 4, 3)
    session.close()


def nothing_hidden(ws: understudy.Workspace) -> None:
    ws.reindex()
    left = [path for place in (ws.runs, ws.archive) for path in place.glob(".*")]
    assert left == [], left


def seal(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        ws.seal_killed(the_session(ws)).close()


def check_sealing(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        identity = the_session(ws)
        for look in (ws.session, ws.seal_killed):
            session = look(identity)
            assert ws.verify(identity) == []
            assert sum(1 for _ in session.trace()) == 6
            rows = session.frames().to_pylist()
            assert [row["tick"] for row in rows] == list(range(12))
            for number, row in enumerate(rows):
                assert row["state"] == [number] * 8
                assert session.image(row["image"])[number, number].tolist() == [number] * 3
            session.close()
        assert session.sealed
        names = {path.name for path in session.path.iterdir()}
        assert not {name for name in names if name.endswith((".blocks", ".partial"))}, names


def archive(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        ws.archive_session(the_session(ws))


def restore(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        ws.restore(the_session(ws))


def check_archiving(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        identity = the_session(ws)
        assert ws.verify(identity) == []
        if not ws.find(identity).archived:
            check_content(ws, identity)
        assert ws.archive_session(identity).archived
        assert not (ws.runs / ws.find(identity).directory).exists()
        nothing_hidden(ws)
        ws.restore(identity)
        check_content(ws, identity)
        ws.restore(identity)
        assert list(ws.archive.iterdir()) == []
        nothing_hidden(ws)


def forget(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        ws.forget(the_session(ws))


def check_forgetting(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        row = next(iter(ws.rows()), None)
        if row is not None:
            report = ws.forget(row.id)
            assert [made.name for made in report.descendants] == ["tavern"]
            assert [mark.session for mark in read_marks(report.descendants[0])] == [row.id]
        assert ws.rows() == []
        nothing_hidden(ws)
        assert list(ws.runs.iterdir()) == []
        assert list(ws.archive.iterdir()) == []


def mask(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        report = ws.scan(mask=True)
        assert report.masked, report


def check_masking(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        identity = the_session(ws)
        ws.session(identity).close()
        assert ws.verify(identity) == []
        before = ws.scan().counts()
        check_content(ws, identity, masked=not before)
        ws.scan(mask=True)
        assert ws.scan().counts() == {}
        assert ws.verify(identity) == []
        check_content(ws, identity, masked=True)
        folder = ws.session(identity).path
        held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert SECRET.encode() not in held
        assert SECRET not in folder.name
        assert [path.name for path in ws.runs.iterdir()] == [folder.name]


def merge(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        ws.merge(place.parent.with_name("other"))


def check_merging(place: Path) -> None:
    with understudy.Workspace(place) as ws:
        for row in ws.rows():
            assert ws.verify(row.id) == []
        report = ws.merge(place.parent.with_name("other"))
        assert report.problems == report.conflicts == []
        rows = ws.rows()
        assert len(rows) == 3
        assert sum(row.archived for row in rows) == 1
        for row in rows:
            if row.archived:
                ws.restore(row.id)
            check_content(ws, row.id)
        nothing_hidden(ws)


SCENES = {
    "seal": (seal, check_sealing),
    "archive": (archive, check_archiving),
    "restore": (restore, check_archiving),
    "forget": (forget, check_forgetting),
    "mask": (mask, check_masking),
    "merge": (merge, check_merging),
}


def main(scene: str, prepared: str, scratch: str, every: str) -> None:
    operate, check = SCENES[scene]
    kills = 0
    for number in itertools.count(1, int(every)):
        place = Path(scratch) / str(number)
        shutil.copytree(prepared, place)

        def killed(number: int = number, place: Path = place) -> None:
            kill_before_change(number)
            operate(place)

        status = in_child(killed)
        assert status in (0, signal.SIGKILL), f"{scene} failed by itself before change {number}"
        assert in_child(lambda place=place: check(place)) == 0, f"killed before change {number}"
        shutil.rmtree(place)
        if status == 0:
            break
        kills += 1
    print(kills)


if __name__ == "__main__":
    main(*sys.argv[1:])
