"""TRL's preferences, paired and unpaired: what `datasets` loads, what TRL takes, and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.formats.bracket_chats import bracket_chat, dm, judgement, preference, user
from tests.formats.example_rows import ROLL, picture_part, png

from understudy.errors import FormatError, UsageError
from understudy.formats.preferences import validate_judgement, validate_preference
from understudy.formats.trl_preference import TrlPreference, read_preferences
from understudy.formats.trl_unpaired import FEATURES, TrlUnpaired, read_judgements

CALL = {"id": "c", "type": "function", "function": {"name": "roll", "arguments": '{"die": 20}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
SEEN = {"role": "user", "content": [picture_part(png(3)), {"type": "text", "text": "What is it?"}]}


def paired(folder: Path, *examples: Any) -> Path:
    return _written(TrlPreference().open(folder / "pairs.parquet", max_bytes=None), examples)


def unpaired(folder: Path, *examples: Any) -> Path:
    return _written(TrlUnpaired().open(folder / "thumbs.parquet", max_bytes=None), examples)


def _written(writer: Any, examples: Any) -> Path:
    for example in examples:
        writer.write(example)
    [output] = writer.finish()
    return output


def loaded(output: Path, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(
        "parquet", data_files={"train": str(output)}, cache_dir=str(tmp_path / "c"), split="train"
    )


PAIRS = [
    preference(),
    preference(chosen=CALLING, tools=[ROLL]),
    preference(prompt=[SEEN], chosen=dm("A key."), rejected=dm("A cat.")),
    preference(prompt=[*bracket_chat()["messages"], user("And now?")]),
]
THUMBS = [
    judgement(),
    judgement(label=False, completion=CALLING, tools=[ROLL]),
    judgement(prompt=[SEEN], completion=dm("A key.")),
]


def test_pairs_are_read_back(tmp_path: Path) -> None:
    assert all(validate_preference(pair, bare_results=True) == [] for pair in PAIRS)
    assert list(read_preferences(paired(tmp_path, *PAIRS))) == PAIRS


def test_thumbs_are_read_back(tmp_path: Path) -> None:
    assert all(validate_judgement(one) == [] for one in THUMBS)
    assert list(read_judgements(unpaired(tmp_path, *THUMBS))) == THUMBS


def test_the_datasets_library_loads_pairs_as_lists_of_messages(tmp_path: Path) -> None:
    first, second, third, fourth = loaded(paired(tmp_path, *PAIRS), tmp_path)
    assert first["prompt"] == PAIRS[0].prompt
    assert (first["chosen"], first["rejected"]) == ([PAIRS[0].chosen], [PAIRS[0].rejected])
    call = second["chosen"][0]["tool_calls"][0]["function"]
    assert call == {"name": "roll", "arguments": {"die": 20}}
    assert second["tools"] == [ROLL]
    assert third["prompt"][0]["content"][0] == {"type": "image"}
    assert len(third["images"]) == 1
    assert fourth["prompt"][3] == {"role": "tool", "content": "stealth: 12 + 5(skill) = *17*"}


def test_the_datasets_library_loads_thumbs_as_booleans(tmp_path: Path) -> None:
    rows = loaded(unpaired(tmp_path, *THUMBS), tmp_path)
    assert [row["label"] for row in rows] == [True, False, True]
    assert rows[0]["completion"] == [THUMBS[0].completion]


@pytest.mark.slow
def test_trls_own_functions_take_the_rows(tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils", reason="the extra `llm` is not installed")
    pair = loaded(paired(tmp_path, preference()), tmp_path)[0]
    thumb = loaded(unpaired(tmp_path, judgement()), tmp_path)[0]
    for row in (pair, thumb):
        assert data_utils.is_conversational({k: v for k, v in row.items() if k != "images"})
    split = data_utils.maybe_unpair_preference_dataset(
        loaded(paired(tmp_path, *PAIRS[:2]), tmp_path).select_columns(
            ["prompt", "chosen", "rejected"]
        )
    )
    assert sorted(split["label"]) == [False, False, True, True]


def test_a_row_of_another_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="columns completion, label are not there"):
        list(read_judgements(paired(tmp_path, preference())))
    odd = TrlUnpaired().open(tmp_path / "odd.parquet", max_bytes=None)
    odd._file.add([[], [], None, [], None], 1)
    odd.finish()
    with pytest.raises(FormatError, match="row 1: it is no judgement"):
        list(read_judgements(tmp_path / "odd.parquet"))
    assert list(FEATURES) == ["prompt", "completion", "label", "images", "tools"]


def test_they_are_not_split(tmp_path: Path) -> None:
    for format in (TrlPreference(), TrlUnpaired()):
        with pytest.raises(UsageError, match="is not split"):
            format.open(tmp_path / "x.parquet", max_bytes=5)
