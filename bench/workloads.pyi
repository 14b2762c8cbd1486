from typing import Any

EP_STATE: int
EP_PIXEL: int

def make_state(n: int, seed: int = 0) -> dict[str, Any]: ...
def make_pixel(n: int, seed: int = 0) -> dict[str, Any]: ...
