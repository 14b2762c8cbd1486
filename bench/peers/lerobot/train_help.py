"""`lerobot-train --help`, through the preparation that its torchvision needs here."""

from __future__ import annotations

import sys

from bench.peers.lerobot.without_cuda import prepare

if __name__ == "__main__":
    prepare()
    from lerobot.scripts.lerobot_train import main  # type: ignore[import-not-found, unused-ignore]

    sys.argv = ["lerobot-train", "--help"]
    main()
