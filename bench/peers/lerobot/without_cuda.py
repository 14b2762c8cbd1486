"""Lets torchvision be imported where its wheel was built for CUDA and torch was not.

Its compiled operators then do not load, and registering their shapes fails. The recorder needs
none of them; declaring the two names that torchvision asks for on import is enough.
"""

from __future__ import annotations

import torch  # type: ignore[import-not-found, unused-ignore]

NAMES = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def prepare() -> None:
    """Declare the operators where torch has no CUDA."""
    if not torch.version.cuda:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in NAMES:
            library.define(name + SCHEMA)
        _kept.append(library)


_kept: list[object] = []  # a library is undone when it is collected
