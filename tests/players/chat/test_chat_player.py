"""The chat player at work: real game, loop and client, and a model that sees only pictures."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.players.chat.conftest import KEY
from tests.players.chat.pocket_eyes import decide
from tests.players.chat.vision_server import Instead, VisionServer, failure

from understudy import Workspace
from understudy.config import MaskSettings, Settings
from understudy.errors import PlayerError
from understudy.games.game import Game
from understudy.games.registry import open_game
from understudy.players.budget import StepBudget
from understudy.players.chat.picture import data_url
from understudy.players.chat.player import MOST_ASKINGS, ChatPlayer
from understudy.players.loop import Played, play
from understudy.players.registry import PlayerSettings, make_player, player_names
from understudy.session.reader import RecordedSession
from understudy.session.steps import AgentStep, ChatStep, EventStep

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def pocket() -> Iterator[Game]:
    with closing(open_game("pocket")) as game:
        yield game


class Desk:
    """Plays sessions with the chat player and gives back what was recorded."""

    def __init__(self, game: Game, workspace: Workspace, make_settings: MakeSettings) -> None:
        self.game = game
        self.workspace = workspace
        self._make_settings = make_settings
        self.played: Played | None = None

    def player(self, **chat: Any) -> ChatPlayer:
        return self.player_with(self._make_settings(**chat))

    def player_with(self, settings: Settings) -> ChatPlayer:
        return ChatPlayer(
            PlayerSettings(
                settings=settings,
                folder=self.workspace.internal / "players",
                prompts=self.workspace.path / "prompts",
            )
        )

    def play(
        self,
        task: str,
        player: ChatPlayer | None = None,
        *,
        seed: int = 3,
        steps: int = 12,
        metadata: dict[str, Any] | None = None,
        **chat: Any,
    ) -> RecordedSession:
        """One session; ``task`` is a task's id, or words that the game has no task for."""
        known = next((each for each in self.game.tasks if each.id == task), None)
        words = known.words if known else task
        made = player or self.player(**chat)
        session = self.workspace.record(
            game="pocket", task=words, player="chat", model=made.model, metadata=metadata
        )
        self.played = play(
            self.game, made, session, StepBudget(steps), words=words, task=known, seed=seed
        )
        if player is None:
            made.close()
        return self.workspace.session(session.id)


@pytest.fixture
def desk(pocket: Game, ws: Workspace, make_settings: MakeSettings) -> Desk:
    return Desk(pocket, ws, make_settings)


def steps(session: RecordedSession) -> list[AgentStep]:
    return [step for step in session.trace() if isinstance(step, AgentStep)]


def chats(session: RecordedSession) -> list[ChatStep]:
    return [step for step in session.trace() if isinstance(step, ChatStep)]


def facts(session: RecordedSession) -> list[dict[str, Any]]:
    return [step.facts or {} for step in steps(session)]


def variation(session: RecordedSession) -> dict[str, Any]:
    path = session.path / "analysis" / "prompt_variations.json"
    (only,) = json.loads(path.read_text(encoding="utf-8"))["variations"]
    return dict(only)


# Playing -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["play", "look"])
@pytest.mark.parametrize(
    ("task", "actions"),
    [
        ("open-start-menu", ["press_start"]),
        ("open-bag", ["press_start", "press_a"]),
        ("report-potions", ["press_start", "press_a", "report: There are 3 potions."]),
        ("open-party", ["press_start", "press_down", "press_a"]),
    ],
)
def test_tasks_are_solved_from_the_picture_alone(
    desk: Desk, task: str, actions: list[str], prompt: str
) -> None:
    session = desk.play(task, prompt=[prompt])
    assert desk.played is not None
    assert desk.played.completion == "success"
    assert [step.action for step in steps(session)] == actions
    assert desk.workspace.verify(session.id) == []


@pytest.mark.slow
def test_each_step_says_why_and_what_it_took(desk: Desk) -> None:
    session = desk.play(
        "open-bag", price_input_per_million=2.0, price_output_per_million=4.0, cache=False
    )
    for step in steps(session):
        assert (step.reasoning or "").startswith("I see the ")
        assert step.expected_outcome == "The screen changes."
        assert step.model == "eyes-1"
        assert step.tokens is not None
        assert step.facts is not None
        cost = (2 * step.tokens["input"] + 4 * step.tokens["output"]) / 1_000_000
        assert step.facts["cost"] == pytest.approx(cost)
        kept = ("prompt", "cached", "attempts")
        assert [step.facts[key] for key in kept] == ["play.v1", False, 1]
        assert not {"repaired", "asked_again", "refused"} & step.facts.keys()


@pytest.mark.slow
def test_every_call_is_chat_training_data_of_the_session(desk: Desk) -> None:
    session = desk.play("open-bag")
    calls = chats(session)
    assert [call.status for call in calls] == ["complete", "complete"]
    for call in calls:
        assert [message["role"] for message in call.messages] == ["system", "user"]
        assert json.loads((call.response or {})["content"])["action"] in ("press_start", "press_a")


@pytest.mark.slow
def test_what_the_model_is_sent(desk: Desk, server: VisionServer) -> None:
    def noting(png: bytes, goal: str) -> dict[str, str]:
        return decide(png, goal) | {"action": "press_b", "note": "B does nothing here"}

    server.eyes = noting
    desk.play("open-bag", steps=12)
    first, last = server.requests[0], server.requests[-1]
    assert first.goal == "have a look into my bag"
    assert "step 1 of 12" in first.text
    assert "Careful" not in first.text
    assert "- press_a: confirm" in first.text
    assert "You are in " in first.text
    assert "What you did until now:\nnothing yet" in first.text
    assert "Careful: 1 of 12 steps is left." in last.text
    assert "\n2. press_b (nothing changed)\n" in last.text
    assert "\n11. press_b" in last.text
    assert "\n1. press_b" not in last.text  # only the last ten
    assert "- B does nothing here" in last.text
    schema = first.body["response_format"]["json_schema"]["schema"]
    assert "press_start" in schema["properties"]["action"]["enum"]


def test_the_picture_is_enlarged_whole_and_small(desk: Desk, server: VisionServer) -> None:
    desk.play("open-start-menu", upscale=2)
    (png,) = server.requests[0].pictures
    image = Image.open(io.BytesIO(png))
    assert image.size == (320, 288)
    assert len(png) < 4_000
    desk.game.reset(seed=3, options={"task": "open-start-menu"})
    assert np.array_equal(np.array(image.convert("RGB"))[::2, ::2], desk.game.screenshot())


def test_what_is_masked_in_pictures_is_not_sent_either(
    desk: Desk, server: VisionServer, make_settings: MakeSettings
) -> None:
    mask = MaskSettings(image_regions=[(0, 0, 160, 72)])
    settings = make_settings().model_copy(update={"mask": mask})
    with closing(desk.player_with(settings)) as player:
        desk.play("open-start-menu", player, steps=1)
    pixels = np.array(Image.open(io.BytesIO(server.requests[0].pictures[0])).convert("L"))
    assert not pixels[: 72 * 3].any()
    assert pixels[72 * 3 :].any()


@pytest.mark.slow
def test_only_tasks_that_want_a_report_and_free_requests_offer_one(
    desk: Desk, server: VisionServer
) -> None:
    for task in ("open-bag", "report-potions", "walk about a little"):
        desk.play(task, steps=1)
    schemas = [
        request.body["response_format"]["json_schema"]["schema"]["properties"]
        for request in server.requests
    ]
    offered = ["report" in properties["action"]["enum"] for properties in schemas]
    assert offered == [False, True, True]
    assert ["text" in properties for properties in schemas] == offered


# Answers that are not what was asked for ---------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"action": "press_start", "reasoning": "open it",}\n```',
        "{'action': 'START'}",
        '{"action": "press the start button"}',
    ],
)
def test_an_answer_that_can_be_repaired_is_played(
    desk: Desk, server: VisionServer, text: str
) -> None:
    server.instead(Instead(text=text))
    session = desk.play("open-start-menu")
    assert [step.action for step in steps(session)] == ["press_start"]
    assert facts(session)[0]["repaired"] == 1
    assert variation(session)["repaired"] == 1


@pytest.mark.slow
def test_an_answer_that_cannot_is_asked_for_again_with_what_was_wrong(
    desk: Desk, server: VisionServer
) -> None:
    server.instead(Instead(text='{"action": "fly"}'), Instead(text="I press start."))
    server.eyes = lambda *seen: decide(seen[0], seen[-1])
    session = desk.play("open-start-menu")
    assert [step.action for step in steps(session)] == ["press_start"]
    (fact,) = facts(session)
    assert fact["attempts"] == 3
    assert [reason[:30] for reason in fact["asked_again"]] == [
        "`fly` is none of the actions: ",
        "the answer holds no JSON objec",
    ]
    assert "refused" not in fact
    last = server.requests[-1].body["messages"]
    assert [message["role"] for message in last] == [
        "system", "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert last[2]["content"] == '{"action": "fly"}'
    assert "`fly` is none of the actions" in last[3]["content"]
    assert variation(session)["asked_again"] == 2


@pytest.mark.slow
def test_after_that_the_step_is_spent_waiting_and_visible(desk: Desk, server: VisionServer) -> None:
    server.instead(*[Instead(text="")] * MOST_ASKINGS)
    session = desk.play("open-start-menu")
    assert [step.action for step in steps(session)] == ["wait", "press_start"]
    assert facts(session)[0]["refused"] == "the answer is empty"
    errors = json.loads((session.path / "analysis/error_analysis.json").read_text("utf-8"))
    assert errors["by_kind"] == {"refused": 1}
    assert variation(session)["refused"] == 1


@pytest.mark.slow
def test_a_game_that_cannot_wait_ends_there(
    desk: Desk, server: VisionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.game, "_action_names", ("press_a", "press_b"))
    server.instead(*[Instead(text="")] * MOST_ASKINGS)
    session = desk.play("open-start-menu")
    assert desk.played is not None
    assert desk.played.completion == "error"
    assert "gave no answer that pocket can play" in str(session.metadata.reason)


# Ends --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_that_stops_answering_leaves_the_session_whole(
    desk: Desk, server: VisionServer
) -> None:
    def then_nothing(png: bytes, goal: str) -> dict[str, str]:
        server.instead(*[failure(503, "overloaded")] * 2)
        return decide(png, goal)

    server.eyes = then_nothing
    session = desk.play("open-bag", attempts=2)
    assert desk.played is not None
    assert desk.played.completion == "error"
    assert session.metadata.status == "incomplete"
    # The address itself is masked: it has an IP address in it.
    assert server.url.rpartition(":")[2] in str(session.metadata.reason)
    assert "503: overloaded" in str(session.metadata.reason)
    assert [step.action for step in steps(session)] == ["press_start"]
    assert len(chats(session)) == 3
    assert desk.workspace.verify(session.id) == []


def test_the_limit_of_a_session_ends_it_and_the_next_one_has_its_own(
    desk: Desk, server: VisionServer
) -> None:
    with closing(
        desk.player(price_output_per_million=1_000_000, spend_limit=1.0, cache=False)
    ) as player:
        for _ in range(2):
            session = desk.play("open-bag", player)
            assert "the limit is 1" in str(session.metadata.reason)
            assert [step.action for step in steps(session)] == ["press_start"]
    assert len(server.requests) == 2


@pytest.mark.slow
def test_the_sessions_of_a_batch_share_one_limit(desk: Desk, server: VisionServer) -> None:
    chat = {"price_output_per_million": 1_000_000, "spend_limit": 1.0, "cache": False}
    for number in (1, 2):
        session = desk.play(
            "open-bag", metadata={"batch": {"name": "batch_1", "number": number}}, **chat
        )
    assert steps(session) == []
    assert len(server.requests) == 1


# What stays --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_prompts_of_ones_own_are_used_in_turn_and_named_with_their_result(
    desk: Desk, server: VisionServer
) -> None:
    folder = desk.workspace.path / "prompts"
    folder.mkdir()
    (folder / "short.v2.md").write_text(
        "# User\nWhat is asked of you: {{goal}}\n{{actions}}\n{{screenshot}}\n{{answer_format}}\n",
        encoding="utf-8",
    )
    with closing(desk.player(prompt=["play", "short"])) as player:
        used = [variation(desk.play("open-bag", player, seed=seed)) for seed in (4, 5, 6)]
    assert [(each["name"], each["version"]) for each in used] == [
        ("play", 1), ("short", 2), ("play", 1),
    ]  # fmt: skip
    assert [(each["success"], each["steps"]) for each in used] == [(True, 2)] * 3
    assert all(each["requests"] >= each["steps"] for each in used)
    assert used[0]["sha256"] == used[2]["sha256"] != used[1]["sha256"]
    assert used[1]["tokens"]["input"] > 0


def test_a_free_request_has_no_success(desk: Desk) -> None:
    assert variation(desk.play("walk about a little", steps=2))["success"] is None


@pytest.mark.slow
def test_what_one_session_learned_the_next_one_reads(desk: Desk, server: VisionServer) -> None:
    server.eyes = lambda png, goal: decide(png, goal) | {"note": "START opens the menu"}
    first = desk.play("open-bag")
    begun = len(server.requests)
    second = desk.play("open-bag")
    assert "What you learned in earlier sessions:\nnothing yet" in server.requests[0].text
    told = server.requests[begun].text
    assert "- START opens the menu" in told
    assert '- "have a look into my bag" was done in 2 steps: press_start, press_a' in told

    def lessons(session: RecordedSession, snapshot: str) -> set[tuple[str, int]]:
        path = session.path / "memory_snapshots" / snapshot
        with closing(sqlite3.connect(path)) as database:
            return set(database.execute("SELECT text, times FROM lessons"))

    assert lessons(first, "before_session.db") == set()
    assert ("START opens the menu", 1) in lessons(first, "after_session.db")
    assert lessons(second, "before_session.db") == lessons(first, "after_session.db")
    assert ("START opens the menu", 2) in lessons(second, "after_session.db")


@pytest.mark.slow
def test_a_player_told_to_forget_begins_every_session_anew(
    desk: Desk, server: VisionServer
) -> None:
    for _ in range(2):
        desk.play("open-bag", remember=False, cache=False)
    assert all("earlier sessions:\nnothing yet" in request.text for request in server.requests)
    assert not (desk.workspace.internal / "players" / "chat_memory.sqlite").exists()


@pytest.mark.slow
def test_the_same_session_again_costs_nothing(desk: Desk, server: VisionServer) -> None:
    first = desk.play("open-bag", remember=False)
    again = desk.play("open-bag", remember=False)
    other = desk.play("open-bag", remember=False, seed=4)
    assert [step.action for step in steps(again)] == [step.action for step in steps(first)]
    assert [fact["cached"] for fact in facts(again)] == [True, True]
    assert [fact["cost"] for fact in facts(again)] == [0, 0]
    assert [step.tokens for step in steps(again)] == [{"input": 0, "output": 0}] * 2
    assert chats(again) == []
    assert sum(isinstance(s, EventStep) and s.kind == "chat_cached" for s in again.trace()) == 2
    assert [fact["cached"] for fact in facts(other)] == [False, False]
    assert len(server.requests) == 4
    kept = variation(again)
    assert (kept["answers"], kept["cached"], kept["requests"]) == (2, 2, 0)


def test_lessons_that_cannot_be_read_are_named(desk: Desk) -> None:
    folder = desk.workspace.internal / "players"
    folder.mkdir()
    (folder / "chat_memory.sqlite").write_bytes(b"this is no database" * 100)
    session = desk.play("open-bag")
    assert "remove the file to begin anew" in str(session.metadata.reason)


def test_lessons_that_cannot_be_kept_cost_only_themselves(desk: Desk, server: VisionServer) -> None:
    kept = desk.workspace.internal / "players" / "chat_memory.sqlite"

    def damaging(png: bytes, goal: str) -> dict[str, str]:
        kept.write_bytes(b"this is no database" * 100)
        return decide(png, goal)

    server.eyes = damaging
    session = desk.play("open-start-menu")
    assert desk.played is not None
    assert desk.played.completion == "success"
    events = [step for step in session.trace() if isinstance(step, EventStep)]
    assert "memory_not_kept" in [event.kind for event in events]
    assert variation(session)["success"] is True


@pytest.mark.slow
def test_the_key_reaches_no_file_of_the_workspace(desk: Desk, server: VisionServer) -> None:
    server.instead(failure(429, f"slow down, {KEY}", Retry_After="0"))
    desk.play("open-bag")
    server.instead(failure(401, f"this key is wrong: {KEY}"))
    desk.play("open-party")
    files = [path for path in desk.workspace.path.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_a_photograph_is_sent_as_it_is_and_no_larger_than_models_take() -> None:
    photograph = np.random.default_rng(1).integers(0, 256, (300, 700, 3), dtype=np.uint8)
    url = data_url(photograph, 3)
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert np.array_equal(np.array(image), photograph)


# Making one --------------------------------------------------------------------------------------


def test_it_is_found_by_its_name(desk: Desk, make_settings: MakeSettings) -> None:
    assert "chat" in player_names()
    settings = PlayerSettings(settings=make_settings(), model="given")
    with closing(make_player("chat", settings)) as player:
        assert (player.name, player.model) == ("chat", "given")


def test_without_a_model_it_says_what_to_do(make_settings: MakeSettings) -> None:
    with pytest.raises(PlayerError, match="give one with `--model`"):
        make_player("chat", PlayerSettings(settings=make_settings(model="")))


def test_a_wrong_prompt_is_refused_before_anything_is_played(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    (tmp_path / "bad.v1.md").write_text("# User\n{{gaol}}", encoding="utf-8")
    with pytest.raises(PlayerError, match=r"bad\.v1\.md, line 2: the placeholder `gaol`"):
        make_player(
            "chat", PlayerSettings(settings=make_settings(prompt=["bad"]), prompts=tmp_path)
        )
