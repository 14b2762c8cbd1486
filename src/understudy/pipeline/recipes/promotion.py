"""The gate before a model is put in use: it passed its validation, and is no worse than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.models.registry import ModelVersion, promote, promoted
from understudy.train.incremental import Verdict

if TYPE_CHECKING:
    from understudy.pipeline.validation import Validation
    from understudy.session.workspace import Workspace


def promote_if_better(
    workspace: Workspace, version: ModelVersion, validation: Validation
) -> Verdict:
    """Put ``version`` in use unless its validation speaks against it; it is kept in any case.

    It must have reached what was asked for, and on no set of cases be worse than the version in
    use by more than chance, case by case.
    """
    if not validation.passed:
        return Verdict(False, "; ".join(validation.reasons))
    before = promoted(workspace, version.name)
    if before is not None and before.version != version.version:
        worse = _worse_sets(validation, before.ref)
        if worse:
            return Verdict(False, f"it is worse than {before.ref} on {', '.join(worse)}")
    reason = "it passed its validation"
    promote(workspace, version.ref, reason)
    return Verdict(True, reason)


def _worse_sets(validation: Validation, before: str) -> list[str]:
    """The sets on which the interval of the difference to ``before`` leaves no room for chance."""
    return [
        str(one["set"])
        for one in validation.results["comparisons"]
        if one["before"] == before and one["verdict"] == "worse"
    ]
