"""A recorded session, opened: its facts, trace, frames, images and feedback."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import SessionError, UsageError
from understudy.session.feedback import (
    CurrentFeedback,
    FeedbackEntry,
    append_feedback,
    derive,
    held,
    new_entry,
    read_feedback,
    standing,
)
from understudy.session.header import read_header
from understudy.session.instruction import InstructionRow, instruction_rows, picture_of
from understudy.session.steps import Step
from understudy.session.trace_file import read_trace
from understudy.session.views import write_views
from understudy.store.manifest import MANIFEST_NAME, Manifest, read_manifest

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from understudy.session.images import ImageReader
    from understudy.session.masking import Masker
    from understudy.store.catalog.schema import SessionRow


class RecordedSession:
    """What was recorded, read on demand; ``Workspace.session`` and ``sessions`` make it."""

    def __init__(
        self,
        folder: Path,
        *,
        masker: Masker,
        describe: Callable[[Path], SessionRow],
        on_change: Callable[[SessionRow], None],
        now: Callable[[], str],
        repaired: Sequence[str] = (),
    ) -> None:
        self.path = folder
        self.header = read_header(folder)
        self.id = self.header.id
        self.repaired = tuple(repaired)
        """What opening it had to cut off after a kill, in sentences."""
        self._masker = masker
        self._describe = describe
        self._on_change = on_change
        self._now = now

    @property
    def sealed(self) -> bool:
        return (self.path / MANIFEST_NAME).exists()

    @cached_property
    def metadata(self) -> SessionRow:
        """All facts of the session as the catalog holds them, taken from its folder."""
        return self._describe(self.path)

    @property
    def status(self) -> str:
        return self.metadata.status

    @cached_property
    def manifest(self) -> Manifest | None:
        """The seal; None while recording and after a kill."""
        return read_manifest(self.path) if self.sealed else None

    @property
    def counters(self) -> dict[str, Any]:
        """``seen``, ``stored``, ``dropped`` and their reasons; empty for an unsealed session."""
        manifest = self.manifest
        return dict(manifest.facts.get("counters", {})) if manifest else {}

    def trace(self) -> Iterator[Step]:
        """The steps, chats and events in order, one in memory at a time."""
        return read_trace(self.path / "trace.jsonl")

    @property
    def facts(self) -> dict[str, Any]:
        """What its seal says of it: counts, how it ended; empty for an unsealed session."""
        return self.manifest.facts if self.manifest else {}

    def instruction_rows(self) -> Iterator[InstructionRow]:
        """A row for each step of a player, as training wants them; pictures stay where they are."""
        return instruction_rows(self.path, self.header, self.facts, self.current_feedback)

    def picture_of(self, row: InstructionRow) -> bytes | None:
        """The PNG that was on the screen before ``row``'s action; None where none was kept."""
        return picture_of(self.path, row)

    def frames(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All frames in memory. Gap rows have ``missed`` > 0 and null values."""
        import pyarrow as pa

        schema, batches = self._batches(columns)
        return pa.Table.from_batches(batches, schema=schema)

    def frame_batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The frames in batches, memory flat."""
        return self._batches(columns)[1]

    def image(self, index: int) -> np.ndarray[Any, Any]:
        """The pixels of image ``index`` (the ``image`` column of the frames names it)."""
        return self._images.image(index)

    @property
    def image_count(self) -> int:
        return self._images.count if self._image_path.exists() else 0

    def feedback(self) -> list[FeedbackEntry]:
        """Everything that was said about the session, in the order it was said."""
        return read_feedback(self.path)

    @property
    def current_feedback(self) -> CurrentFeedback:
        """What it comes to: scores, tags, corrections."""
        return derive(self.feedback(), self.header.tags)

    def add_feedback(
        self,
        *,
        score: float | None = None,
        comment: str | None = None,
        author: str,
        step: int | None = None,
        tags: Sequence[str] = (),
        removed_tags: Sequence[str] = (),
        correction: Any = None,
        reason: str | None = None,
        seconds: float | None = None,
        withdraws: str | None = None,
    ) -> FeedbackEntry:
        """Say something about the session, or about the trace line ``step``; nothing is replaced.

        ``score`` is 1 to 10, ``seconds`` how long it took to come to it. ``correction`` is what
        should have stood there (for a chat: the assistant message). ``withdraws`` takes back what
        the same author said before, by its id; with it nothing else is said. Raises UsageError
        for what makes no sense, StorageError as the disk does.
        """
        if step is not None and all(line.n != step for line in self.trace()):
            raise SessionError(
                f"{self.path.name} has no trace line {step}; `session show` lists them"
            )
        entry = new_entry(
            time=self._now(),
            author=author,
            step=step,
            score=score,
            comment=comment or None,
            tags=tags,
            removed_tags=removed_tags,
            correction=correction,
            reason=reason or None,
            seconds=seconds,
            withdraws=withdraws,
        )
        said = {
            name: getattr(entry, name)
            for name in ("author", "comment", "tags", "removed_tags", "correction", "reason")
        }
        entry = msgspec.convert(
            {**msgspec.to_builtins(entry), **self._masker.mask_value(said)[0]}, type=FeedbackEntry
        )
        if withdraws is not None:
            earlier = standing(self.feedback())
            if all((one.id, one.author) != (withdraws, entry.author) for one in earlier):
                raise UsageError(
                    f"{entry.author} has no entry {withdraws} in {self.path.name} that could be "
                    "withdrawn; `understudy session show` lists what counts"
                )
        append_feedback(self.path, [entry])
        # Held, so that of two who speak at once the later view is the one that holds both.
        with held(self.path):
            self.__dict__.pop("metadata", None)
            if self.manifest is not None:
                write_views(self.path, self.header, self.manifest.facts, self.current_feedback)
            self._on_change(self.metadata)
        return entry

    def close(self) -> None:
        """Close what was opened for reading images."""
        images = self.__dict__.pop("_images", None)
        if images is not None:
            images.close()

    def __repr__(self) -> str:
        return f"RecordedSession({self.path.name!r}, id={self.id!r})"

    @property
    def _image_path(self) -> Path:
        return self.path / ("images.pack" if self.sealed else "images.blocks")

    @cached_property
    def _images(self) -> ImageReader:
        from understudy.session.images import ImageReader

        if not self._image_path.exists():
            raise IndexError(f"{self.path.name} has no images")
        reader = ImageReader(self._image_path)
        weakref.finalize(self, reader.close)
        return reader

    def _batches(self, columns: Sequence[str] | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from understudy.session.frames.file import iterate_batches
        from understudy.session.frames.layout import RowLayout, check_stamp

        parquet, blocks = self.path / "frames.parquet", self.path / "frames.blocks"
        if self.sealed and parquet.exists():
            file = pq.ParquetFile(parquet)
            wanted = list(columns) if columns is not None else None
            schema = file.schema_arrow
            check_stamp(schema, parquet)
            if wanted is not None:
                schema = pa.schema([schema.field(name) for name in wanted])
            return schema, file.iter_batches(columns=wanted)
        if not self.sealed and blocks.exists():
            schema, batches = iterate_batches(blocks)
            if columns is None:
                return schema, batches
            names = list(columns)
            narrow = pa.schema([schema.field(name) for name in names])
            return narrow, (batch.select(names) for batch in batches)
        return RowLayout().arrow_schema, iter(())
