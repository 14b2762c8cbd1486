"""Training and playing speak the same words: to the letter, and to the pixel."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.players.chat.vision_server import Instead, VisionServer

from understudy import Workspace
from understudy.chat.decisions import VERSION, answer_keys, words_sha256
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.errors import PlayerError
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.session.steps import AgentStep
from understudy.train.sources import Reading, load

pytestmark = pytest.mark.slow

WAY = ("press_start", "press_a", "press_b", "press_a", "press_down", "press_up") * 2
"""Into the bag and a little about, longer than a decision is told of what was done before it."""
REPORT = "report: I have 3 potions."
REASON = 'The cursor is on "BAG".'
WORDS = {
    True: "83420a0f1c02a021a9004856dba81ffb5a5b78548896118b6316e6b90609042e",
    False: "11aa9e32021ebae141c606da31a8d3ba99d8042c8f855f749a433ea14c524533",
}
"""Their hashes in version 1."""


def said(action: str, *, reasoning: bool) -> Instead:
    told = {"action": action, "reasoning": REASON, "expected_outcome": "The bag opens."}
    told = {key: told[key] for key in answer_keys(reasoning=reasoning)}
    return Instead(text=json.dumps(told, separators=(",", ":")))


class Table:
    """A workspace in which the chat player plays with the prompt `trained`."""

    def __init__(self, folder: Path, server: VisionServer, chat: dict[str, Any]) -> None:
        told = {"prompt": ["trained"], "cache": False, "model": "m", "base_url": server.url} | chat
        folder.mkdir()
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in told.items()]
        (folder / "understudy.toml").write_text("schema = 1\n[chat]\n" + "".join(lines), "utf-8")
        self.workspace = Workspace(folder)
        self.server = server
        self.reasoning = bool(told.get("reasoning", True))

    def play(self, *actions: str, task: str = "report-potions") -> list[AgentStep]:
        """Play with these answers; the steps that were recorded."""
        self.server.instead(*(said(action, reasoning=self.reasoning) for action in actions))
        request = PlayRequest(game="pocket", asked=task, player="chat", seed=3, steps=len(actions))
        with Players(self.workspace) as players:
            session = self.workspace.session(play_session(self.workspace, players, request).id)
        return [step for step in session.trace() if isinstance(step, AgentStep)]

    def examples(self, *, with_images: bool) -> list[dict[str, Any]]:
        """What a training makes of all that was played."""
        everything = BuildRequest(
            selection=Selection(min_score=None), splits=Splits(fractions=(1, 0, 0)), near_share=None
        )
        build_dataset(self.workspace, "agent", everything)
        reading = Reading(with_images=with_images, reasoning=self.reasoning)
        return load(self.workspace, ["agent"], [], reading, share=0, most=0).train


@pytest.fixture
def table(
    tmp_path: Path, server: VisionServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Table]:
    monkeypatch.setenv("OPENAI_API_KEY", "any")

    def make(**chat: Any) -> Table:
        return Table(tmp_path / "ws", server, chat)

    return make


@pytest.mark.parametrize("reasoning", [True, False])
def test_a_model_is_asked_in_the_very_words_of_its_training(
    table: Callable[..., Table], server: VisionServer, reasoning: bool
) -> None:
    desk = table(pictures=False, reasoning=reasoning)
    desk.play(*WAY, REPORT)
    examples = desk.examples(with_images=False)
    assert len(examples) == len(server.requests) == len(WAY) + 1
    for example, request, answered in zip(examples, server.requests, (*WAY, REPORT), strict=True):
        *asked, answer = example["messages"]
        assert asked == request.body["messages"]
        assert answer["content"] == said(answered, reasoning=reasoning).text


def test_with_pictures_the_words_are_the_same_and_so_is_every_pixel(
    table: Callable[..., Table], server: VisionServer
) -> None:
    desk = table()
    desk.play(*WAY[:3])
    examples = desk.examples(with_images=True)
    assert len(examples) == 3
    for example, request in zip(examples, server.requests, strict=True):
        system, user, _ = example["messages"]
        asked_system, asked_user = request.body["messages"]
        assert system == asked_system
        assert user["content"][0] == asked_user["content"][0]
        assert [part["type"] for part in user["content"]] == ["text", "image"]
        assert [part["type"] for part in asked_user["content"]] == ["text", "image_url"]
        assert np.array_equal(pixels(example["images"][0]), pixels(request.pictures[0]))


def pixels(png: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_the_words_tell_task_step_what_was_done_and_what_the_screen_reads(
    table: Callable[..., Table], server: VisionServer
) -> None:
    table(pictures=False).play(*WAY, REPORT)
    system, user = server.requests[2].body["messages"]
    assert system["content"] == (
        "You play pocket.\nAnswer in JSON: action, reasoning, expected_outcome."
    )
    assert user["content"].startswith(
        "Task: Check how many potions I have in my bag and tell me\n"
        "Step 3 of 13\n"
        "Previous actions: press_start, press_a\n"
        "State:\n"
        "You are in home; the screen shows bag.\n"
        "It reads: bag 1000$, >potion x 3, "
    )
    (line,) = (
        line
        for line in server.requests[-1].body["messages"][1]["content"].splitlines()
        if line.startswith("Previous actions: ")
    )
    assert line == f"Previous actions: {', '.join(WAY[-10:])}"


def test_the_same_version_always_asks_in_the_same_words() -> None:
    assert VERSION == 1, "write the new hashes here, and keep models of the version before in mind"
    assert {yes: words_sha256(answer_keys(reasoning=yes)) for yes in (True, False)} == WORDS


def test_which_words_were_used_is_kept(table: Callable[..., Table]) -> None:
    desk = table(pictures=False)
    steps = desk.play("press_start", task="open-start-menu")
    assert [step.action for step in steps] == ["press_start"]
    assert steps[0].reasoning == REASON
    (row,) = desk.workspace.sessions()
    path = row.path / "analysis" / "prompt_variations.json"
    (variation,) = json.loads(path.read_text("utf-8"))["variations"]
    assert (variation["name"], variation["version"]) == ("trained", 1)
    assert variation["sha256"] == WORDS[True]


def test_where_nothing_is_to_be_said_the_server_is_told_the_only_actions(
    table: Callable[..., Table], server: VisionServer
) -> None:
    desk = table(pictures=False)
    desk.play("press_start", task="open-start-menu")
    desk.play("press_start")
    closed, open_ = (
        request.body["response_format"]["json_schema"]["schema"]["properties"]["action"]
        for request in server.requests
    )
    assert "press_start" in closed["enum"]
    assert "report" not in closed["enum"]
    assert open_ == {"type": "string"}  # a report is any text


def test_what_cannot_be_played_is_not_asked_for_again_in_words_that_nothing_was_trained_on(
    table: Callable[..., Table], server: VisionServer
) -> None:
    desk = table(pictures=False)
    server.instead(Instead(text='{"action":"open the bag"}'))
    (step,) = desk.play("press_start", task="open-start-menu")
    assert step.action == "wait"
    assert "none of the actions" in (step.facts or {})["refused"]
    assert len(server.requests) == 1


def test_another_version_of_the_words_is_refused(table: Callable[..., Table]) -> None:
    desk = table(prompt=["trained.v2"])
    with pytest.raises(PlayerError, match=r"no prompt 'trained\.v2'"):
        desk.play("press_start")
