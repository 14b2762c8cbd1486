"""Screenshots of steps: whatever a caller hands over, as a PNG file in the session."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.session.masking import mask_image
from understudy.store.atomic import write_atomic

if TYPE_CHECKING:
    import numpy as np

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMPRESSION = 6


def own_copy(picture: Any) -> Any:
    """A picture that the caller can no longer change under the writer's hands."""
    if isinstance(picture, bytes | str | Path):
        return picture
    if isinstance(picture, bytearray | memoryview):
        return bytes(picture)
    return picture.copy()


def write_png(
    path: Path, picture: Any, regions: list[tuple[int, int, int, int]], *, sync: bool
) -> int:
    """Write ``picture`` (array, PIL image, encoded bytes or a path) as PNG; returns its size.

    ``regions`` (x, y, width, height) are blackened first. Raises OSError as the disk does and
    ValueError for what is no picture.
    """
    data = _png_bytes(picture, regions)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, data, sync=sync)
    return len(data)


def _png_bytes(picture: Any, regions: list[tuple[int, int, int, int]]) -> bytes:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    if isinstance(picture, str | Path):
        picture = Path(picture).read_bytes()
    if isinstance(picture, bytes):
        if picture.startswith(PNG_SIGNATURE) and not regions:
            return picture
        try:
            picture = Image.open(io.BytesIO(picture))
        except UnidentifiedImageError as error:
            raise ValueError("the screenshot's bytes are in no known image format") from error
    if not isinstance(picture, np.ndarray):
        if picture.mode not in ("L", "RGB", "RGBA", "P"):
            picture = picture.convert("RGB")
        if regions:
            picture = np.asarray(picture.convert("RGBA" if picture.mode == "RGBA" else "RGB"))
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
            raise ValueError(
                f"a screenshot is an array of uint8 [height, width(, 3 or 4)], not {picture.dtype} "
                f"{list(picture.shape)}"
            )
        picture = Image.fromarray(_without_colour(mask_image(picture, regions)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()


def _without_colour(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """RGB pixels that are all grey, as old handhelds have them, as the greys alone.

    The picture is the same in less time and three quarters of the bytes.
    """
    import numpy as np

    if pixels.ndim != 3 or pixels.shape[2] != 3:
        return pixels
    grey = pixels[:, :, 0]
    if np.array_equal(grey, pixels[:, :, 1]) and np.array_equal(grey, pixels[:, :, 2]):
        return np.ascontiguousarray(grey)
    return pixels
