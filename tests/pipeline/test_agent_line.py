"""The line of an agent on a model made in seconds: it plays tasks that its base does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import understudy
from understudy.errors import SettingsError, UsageError
from understudy.formats.dataset_rows import AgentRow
from understudy.formats.instruction_chat import instruction_chat
from understudy.games.registry import open_game
from understudy.models.registry import PLAYING, find_model, promoted
from understudy.pipeline.agent_evaluation import LEARNED, NOT_LEARNED
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.recipes.agent_line import AgentLine
from understudy.pipeline.recipes.agent_recipe import AgentRecipe, read_agent_recipe
from understudy.pipeline.recipes.opening import open_line
from understudy.pipeline.recipes.recipe import PACKAGED, find_recipe, recipe_table
from understudy.pipeline.stages import StageResult

TASKS = ("open-start-menu", "open-bag", "buy-potion")
RECIPE = """\
schema = 1
name = "agent"

[collect]
game = "pocket"
tasks = ["open-start-menu", "open-bag", "buy-potion"]

[[collect.rounds]]
sessions = 2

[[collect.rounds]]
sessions = 4
mistakes = 0.3

[data]
splits = [1.0, 0.0, 0.0]

[train]
base = "{base}"

[train.settings]
weights = "full"
reasoning = false
learning_rate = 3e-3
max_steps = {steps}
batch_size = 8
precision = "fp32"
validation_share = 0.0

[evaluate]
never_learned = ["report-money"]
episodes = 8
"""


class Silent:
    """A watcher that tells nobody."""

    def begin(self, stage: str) -> None: ...

    def end(self, result: StageResult) -> None: ...

    def progress(self, label: str) -> Callable[[int, int], None]:
        return lambda done, total: None

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[Any], None]]:
        yield lambda told: None


def recipe_file(folder: Path, text: str, **filled: object) -> Path:
    path = folder / "agent.toml"
    path.write_text(text.format(**filled), encoding="utf-8")
    return path


def read(folder: Path, text: str) -> AgentRecipe:
    path = recipe_file(folder, text, base="embedded", steps=1)
    return read_agent_recipe(path, recipe_table(path))


# Reading -----------------------------------------------------------------------------------------


def test_the_recipe_that_comes_with_the_package_trains_on_none_of_what_it_holds_back() -> None:
    path = find_recipe("pocket")
    assert path == PACKAGED / "pocket.toml"
    recipe = read_agent_recipe(path, recipe_table(path))
    learned, held = set(recipe.collect.tasks), set(recipe.evaluate.never_learned)
    assert len(learned) == len(recipe.collect.tasks) >= 30
    assert held
    assert not learned & held
    with closing(open_game("pocket")) as game:
        assert learned | held <= {task.id for task in game.tasks}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[data]", "[data]\nmin_scores = 5", r"the key `data\.min_scores` is unknown"),
        ("sessions = 2", "sessions = 0", r"`collect\.rounds\.0\.sessions` must be greater than 0"),
        ("[1.0, 0.0, 0.0]", "[1.0, 0.0]", r"`data\.splits"),
        ('game = "pocket"\n', "", r"the key `collect\.game` is missing"),
    ],
)
def test_a_recipe_that_says_something_wrong_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, RECIPE.replace(old, new))


def test_sessions_have_the_seeds_that_follow_whatever_the_round(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    line = AgentLine(ws, read(tmp_path, RECIPE), Silent())
    asked = [(one.asked, one.seed, one.mistakes) for one in line.requests()]
    assert [one for one in asked if one[0] == "open-bag"] == [
        ("open-bag", 1, 0.0),
        ("open-bag", 2, 0.0),
        *(("open-bag", seed, 0.3) for seed in (3, 4, 5, 6)),
    ]
    assert len(asked) == 18


# Running -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reading_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama that has learned nothing, with a tokenizer made for the words of the game."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from understudy.train.base.tokenizer import train_tokenizer
    from understudy.train.loading import quiet

    folder = tmp_path_factory.mktemp("agent") / "base"
    vocabulary = 600
    with understudy.Workspace(tmp_path_factory.mktemp("agent") / "ws") as workspace:
        with Players(workspace) as players:
            for task in (*TASKS, "look-at-card", "see-goods", "report-potions", "use-repel"):
                play_session(workspace, players, PlayRequest(game="pocket", asked=task))
        lines = [
            f" {line}"
            for session in workspace.sessions()
            for row in session.instruction_rows()
            for message in instruction_chat(AgentRow(row=row, picture=None))["messages"]
            for line in _text(message["content"]).splitlines()
        ]
    train_tokenizer(lines * 3, folder, vocabulary=vocabulary)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )
    with quiet():
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _text(content: Any) -> str:
    return content if isinstance(content, str) else str(content[0]["text"])


@pytest.mark.long
def test_what_learned_from_sessions_plays_better_than_what_it_was_trained_from(
    ws: understudy.Workspace, tmp_path: Path, reading_base: Path
) -> None:
    # Sessions that all begin alike count as one: from these nothing could be shown.
    enough = RECIPE.replace("episodes = 8", "episodes = 24\nstumbles = 1")
    path = recipe_file(tmp_path, enough, base=reading_base, steps=150)
    results = open_line(ws, path, Silent()).run()
    assert [one.stage for one in results] == ["collect", "score", "data", "train", "evaluate"]
    base, tuned = results[-1].facts["players"]
    assert (base["player"], tuned["player"]) == (str(reading_base), "agent@v0001")
    assert base["parts"][LEARNED]["success_rate"] < 1.0
    rate = tuned["parts"][LEARNED]["success_rate"]
    assert rate > 0.8
    assert tuned["parts"][NOT_LEARNED]["tasks"] == 1

    version = find_model(ws, "agent")
    kept = version.result(PLAYING)
    assert kept is not None
    assert kept["all"] == tuned["all"]
    assert (
        f"| pocket, tasks learned from | {rate:.1%}" in (version.folder / "README.md").read_text()
    )
    in_use = promoted(ws, "agent")
    assert in_use is not None
    assert in_use.ref == "agent@v0001"

    again = open_line(ws, path, Silent()).run()
    assert all(one.reused for one in again)


@pytest.mark.slow
def test_what_does_not_play_better_is_kept_and_not_put_in_use(
    ws: understudy.Workspace, tmp_path: Path, reading_base: Path
) -> None:
    path = recipe_file(tmp_path, RECIPE, base=reading_base, steps=1)
    facts = open_line(ws, path, Silent()).run()[-1].facts
    assert facts["promoted"] is False
    assert facts["reason"].startswith("it is not shown to play better than ")
    assert promoted(ws, "agent") is None
    assert find_model(ws, "agent").ref == "agent@v0001"


def test_an_unknown_stage_is_refused(ws: understudy.Workspace, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, RECIPE, base="embedded", steps=1)
    with pytest.raises(UsageError, match="choose one of collect, score, data, train, evaluate"):
        open_line(ws, path, Silent()).run(until="deploy")
