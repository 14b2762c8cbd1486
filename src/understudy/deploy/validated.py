"""Whether a model may ship: it was validated, this very file, and is better than its base."""

from __future__ import annotations

from typing import Any

MOST_LOST = 0.03
"""Of the accuracy of tool calls, by quantising."""
_ACCURACY = "tool_call_accuracy"


def reasons_against(results: dict[str, Any] | None, file_sha256: str) -> list[str]:
    """Why a model must not ship, in sentences; empty where it may.

    ``results`` is ``validation_results.json``; ``file_sha256`` the hash of the file that would
    ship. Where the results say ``passed`` themselves, that decides.
    """
    if results is None:
        return ["it was not validated"]
    quantised = results.get("quantized") or {}
    validated = quantised.get("sha256")
    if validated and validated != file_sha256:
        return ["another file than this one was validated"]
    if "passed" in results:
        told = results.get("reasons") or ["its validation says that it did not pass"]
        return [] if results["passed"] is True else [str(reason) for reason in told]
    base, tuned, small = (
        (results.get(row) or {}).get(_ACCURACY) for row in ("base", "tuned", "quantized")
    )
    if tuned is None or small is None:
        return ["its validation says nothing of the tuned and the quantised model"]
    reasons = []
    if base is not None and small <= base:
        reasons.append(f"it calls tools no better than its base ({small:.1%} of calls are right)")
    if small < tuned - MOST_LOST:
        reasons.append(f"quantising cost {tuned - small:.1%} of the calls")
    return reasons
