"""Whatever an environment was asked and answered can be read back, and it never notices."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

import understudy
from understudy.errors import CaptureError, WorkspaceError
from understudy.session.steps import AgentStep, EventStep


class Cellar(gymnasium.Env):
    """A small world with every kind of space: five steps down, then the end or the limit."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode=None, *, picture=False, breaks_at=None):
        self.render_mode = render_mode
        self.breaks_at = breaks_at
        self.render_breaks = False
        parts = {
            "depth": spaces.Box(0, 10, (2,), np.float32),
            "inner": spaces.Tuple((spaces.Discrete(11), spaces.MultiBinary(3))),
            "says": spaces.Text(40, charset="abcdefghijklmnopqrstuvwxyz @.0123456789"),
        }
        if picture:
            parts["camera"] = spaces.Box(0, 255, (8, 9, 3), np.uint8)
        self.observation_space = spaces.Dict(parts)
        self.action_space = spaces.MultiDiscrete([3, 2])
        self._depth = 0
        self._shared = np.zeros(2, np.float32)

    def _observe(self):
        self._shared[:] = self._depth, self._depth / 2
        seen = {
            "depth": self._shared,
            "inner": (self._depth, np.array([1, 0, self._depth % 2], np.int8)),
            "says": f"step {self._depth} write to me@example.org",
        }
        if "camera" in self.observation_space.spaces:
            seen["camera"] = np.full((8, 9, 3), self._depth, np.uint8)
        return seen

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._depth = 0
        return self._observe(), {"torches": 3}

    def step(self, action):
        if self._depth + 1 == self.breaks_at:
            raise ValueError("the stairs gave way under bob@example.org")
        self._depth += 1
        info = {"torches": 3 - self._depth, "gold": {"found": 1.5}, "mood": "grim"}
        if self._depth == 5:
            info["is_success"] = True
        return self._observe(), -0.5 * self._depth, self._depth == 5, False, info

    def render(self):
        if self.render_breaks:
            raise RuntimeError("no light")
        return np.full((12, 10, 3), 20 * self._depth, np.uint8)


def only_session(path):
    with understudy.Workspace(path) as workspace:
        [session] = workspace.sessions()
        return session


def descend(env, steps=5):
    env.reset(seed=7)
    for _ in range(steps):
        env.step(np.array([2, 1]))


@pytest.mark.slow
def test_every_transition_of_a_real_game_can_be_read_back(tmp_path):
    env = understudy.record(gymnasium.make("CartPole-v1"), workspace=tmp_path)
    observation, _ = env.reset(seed=3)
    expected = []
    ended = False
    while not ended:
        action = len(expected) % 2
        seen = observation
        observation, reward, terminated, truncated, _ = env.step(action)
        expected.append((seen.tolist(), action, reward, terminated, truncated))
        ended = terminated or truncated
    env.close()
    session = only_session(tmp_path)
    rows = session.frames().to_pylist()
    names = ("observation", "action", "reward", "terminated", "truncated")
    assert [tuple(row[name] for name in names) for row in rows[:-1]] == expected
    assert rows[-1]["observation"] == observation.tolist()
    assert [rows[-1][name] for name in names[1:]] == [None] * 4
    assert [row["tick"] for row in rows] == list(range(len(rows)))
    assert session.metadata.game == "CartPole-v1"
    assert session.status == "sealed"
    assert session.counters["dropped"] == session.counters["bad_values"] == 0


@pytest.mark.slow
def test_a_truncated_episode_is_not_a_terminated_one(tmp_path):
    env = understudy.record(gymnasium.make("CartPole-v1", max_episode_steps=4), workspace=tmp_path)
    env.reset(seed=0)
    for number in range(4):
        env.step(number % 2)
    env.close()
    rows = only_session(tmp_path).frames().to_pylist()
    assert [(row["terminated"], row["truncated"]) for row in rows] == [
        *[(False, False)] * 3,
        (False, True),
        (None, None),
    ]


def test_nested_spaces_become_columns_and_texts_become_steps(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    descend(env)
    env.close()
    session = only_session(tmp_path)
    rows = session.frames().to_pylist()
    # The environment writes every observation into the same array: each row must be its own copy.
    assert [row["observation.depth"] for row in rows] == [[n, n / 2] for n in range(6)]
    assert [row["observation.inner.0"] for row in rows] == list(range(6))
    assert rows[3]["observation.inner.1"] == [1, 0, 1]
    assert [row["action"] for row in rows] == [[2, 1]] * 5 + [None]
    steps = [line for line in session.trace() if isinstance(line, AgentStep)]
    assert [step.facts["observation.says"] for step in steps] == [
        f"step {n} write to [EMAIL]" for n in range(6)
    ]
    assert [step.facts["frame"] for step in steps] == list(range(6))
    assert [step.reward for step in steps] == [-0.5, -1.0, -1.5, -2.0, -2.5, None]


def test_an_environment_of_texts_alone_reads_as_steps(tmp_path):
    class Talk(gymnasium.Env):
        observation_space = spaces.Text(30)
        action_space = spaces.Text(30)

        def reset(self, *, seed=None, options=None):
            return "Hello", {}

        def step(self, action):
            return "Goodbye", 1.0, True, False, {}

    env = understudy.record(Talk(), workspace=tmp_path)
    env.reset()
    env.step("Wave")
    env.close()
    steps = [line for line in only_session(tmp_path).trace() if isinstance(line, AgentStep)]
    assert [(step.observation, step.action, step.reward) for step in steps] == [
        ("Hello", "Wave", 1.0),
        ("Goodbye", None, None),
    ]


def test_pictures_show_the_state_that_was_acted_on(tmp_path):
    env = understudy.record(Cellar("rgb_array"), workspace=tmp_path)
    descend(env)
    env.close()
    session = only_session(tmp_path)
    shown = session.frames(["image"]).column("image").to_pylist()
    pictures = [session.image(index) for index in shown]
    session.close()
    assert [picture.shape for picture in pictures] == [(12, 10, 3)] * 6
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 20, 40, 60, 80, 100]


def test_an_observation_that_is_a_picture_is_the_picture(tmp_path):
    env = understudy.record(Cellar("rgb_array", picture=True), workspace=tmp_path)
    descend(env)
    env.close()
    session = only_session(tmp_path)
    table = session.frames()
    assert "observation.camera" not in table.column_names
    pictures = [session.image(index) for index in table.column("image").to_pylist()]
    session.close()
    assert [(p.shape, int(p[0, 0, 0])) for p in pictures] == [((8, 9, 3), n) for n in range(6)]


def test_what_the_picture_is_can_be_chosen(tmp_path):
    env = understudy.record(Cellar("rgb_array", picture=True), workspace=tmp_path, image="render")
    descend(env)
    env.close()
    session = only_session(tmp_path)
    row = session.frames().to_pylist()[2]
    assert row["observation.camera"] == np.full((8, 9, 3), 2).tolist()
    assert session.image(row["image"]).shape == (12, 10, 3)
    session.close()


def test_nothing_is_rendered_that_nobody_wants(tmp_path):
    inner = Cellar("rgb_array")
    inner.render_breaks = True
    env = understudy.record(inner, workspace=tmp_path, image="none")
    descend(env)
    env.close()
    session = only_session(tmp_path)
    assert session.counters["bad_values"] == 0
    assert session.image_count == 0


def test_the_numbers_in_info_are_kept_and_its_words_are_not(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    descend(env)
    env.close()
    rows = only_session(tmp_path).frames().to_pylist()
    assert [row["info.torches"] for row in rows] == [2, 1, 0, -1, -2, None]
    assert rows[0]["info.gold.found"] == 1.5
    assert rows[4]["info.is_success"] is True
    assert "info.mood" not in rows[0]


def test_an_info_that_never_ends_costs_no_transition(tmp_path):
    class Chatty(Cellar):
        def step(self, action):
            observation, reward, terminated, truncated, info = super().step(action)
            info |= {f"key{self._depth}_{n}": n for n in range(40)}
            return observation, reward, terminated, truncated, info

    env = understudy.record(Chatty(), workspace=tmp_path)
    for _ in range(30):
        descend(env)
    env.close()
    session = only_session(tmp_path)
    assert len(session.frames()) == 30 * 6
    assert session.counters["dropped"] == 0


def test_seeds_options_and_returns_are_events(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    env.reset(seed=11, options={"door": "left"})
    env.step([0, 0])
    env.reset()
    env.close()
    events = [line for line in only_session(tmp_path).trace() if isinstance(line, EventStep)]
    told = [(event.kind, event.facts) for event in events]
    assert told[0][0] == "reset"
    assert told[0][1]["seed"] == 11
    assert told[0][1]["options"] == {"door": "left"}
    assert told[0][1]["info"] == {"info.torches": 3}
    assert [(kind, facts["episode"]) for kind, facts in told] == [
        ("reset", 1), ("episode", 1), ("reset", 2), ("episode", 2),
    ]  # fmt: skip
    assert told[1][1]["return"] == -0.5
    assert told[1][1]["length"] == 1
    assert told[1][1]["how"] == "reset before its end"


def test_the_state_before_a_reset_in_the_middle_is_not_lost(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    descend(env, steps=2)
    descend(env, steps=1)
    env.close()
    rows = only_session(tmp_path).frames().to_pylist()
    assert [(row["episode"], row["observation.inner.0"]) for row in rows] == [
        (1, 0), (1, 1), (1, 2), (2, 0), (2, 1),
    ]  # fmt: skip


def test_each_episode_can_be_a_session_of_its_own(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path, session="episode", player="script")
    descend(env)
    descend(env)
    descend(env, steps=2)
    env.close()
    with understudy.Workspace(tmp_path) as workspace:
        rows = workspace.rows(newest_first=False)
        assert [row.name for row in rows] == [f"Cellar episode {n}" for n in (1, 2, 3)]
        assert [(row.status, row.success) for row in rows] == [
            ("sealed", True), ("sealed", True), ("incomplete", None),
        ]  # fmt: skip
        assert rows[2].reason == "the episode was closed before its end"
        assert [len(session.frames()) for session in workspace.sessions()] == [3, 6, 6]


def test_an_error_of_the_environment_is_passed_on_and_told(tmp_path):
    env = understudy.record(Cellar(breaks_at=3), workspace=tmp_path)
    with pytest.raises(ValueError, match="stairs"):
        descend(env)
    env.close()
    session = only_session(tmp_path)
    assert session.status == "incomplete"
    assert session.metadata.reason == (
        "the environment failed in episode 1: ValueError: the stairs gave way under [EMAIL]"
    )
    rows = session.frames().to_pylist()
    assert rows[2]["action"] == [2, 1]
    assert rows[2]["reward"] is None


def test_a_game_that_goes_on_after_an_error_is_recorded_further(tmp_path):
    inner = Cellar(breaks_at=2)
    env = understudy.record(inner, workspace=tmp_path)
    with pytest.raises(ValueError, match="stairs"):
        descend(env)
    inner.breaks_at = None
    descend(env)
    env.close()
    with understudy.Workspace(tmp_path) as workspace:
        assert [(s.status, len(s.frames())) for s in workspace.sessions()] == [
            ("sealed", 6),
            ("incomplete", 3),
        ]


def test_a_rendering_that_fails_costs_the_picture_and_nothing_else(tmp_path):
    inner = Cellar("rgb_array")
    env = understudy.record(inner, workspace=tmp_path)
    env.reset()
    inner.render_breaks = True
    for _ in range(5):
        env.step([0, 0])
    env.close()
    session = only_session(tmp_path)
    table = session.frames()
    assert len(table) == 6
    assert table.column("image").null_count == 5
    assert "no light" in str(session.counters["reasons"])


def test_an_environment_that_answers_nonsense_is_not_disturbed(tmp_path):
    class Nonsense(Cellar):
        def step(self, action):
            return None

    env = understudy.record(Nonsense(), workspace=tmp_path)
    env.reset()
    assert env.step([0, 0]) is None
    env.close()
    assert only_session(tmp_path).counters["bad_values"] > 0


def test_steps_before_a_reset_and_after_an_end_are_the_environments_business(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    env.step([0, 0])
    assert env.session is None
    descend(env)
    env.step([0, 0])
    env.close()
    env.close()
    assert len(only_session(tmp_path).frames()) == 6


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"session": "episode"}, {"image": "none"}])
def test_the_checker_finds_a_recorded_environment_as_good_as_the_bare_one(tmp_path, options):
    class Honest(Cellar):
        def _observe(self):
            return copy.deepcopy(super()._observe())

    env = understudy.record(Honest("rgb_array"), workspace=tmp_path, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every wrapper
        check_env(env, skip_render_check=True)


def test_it_can_be_made_again_from_its_spec(tmp_path):
    env = understudy.record(gymnasium.make("CartPole-v1"), workspace=tmp_path, player="me")
    again = gymnasium.make(env.spec)
    again.reset(seed=1)
    again.step(0)
    again.close()
    session = only_session(tmp_path)
    assert session.metadata.player == "me"
    assert len(session.frames()) == 2


def test_a_copy_plays_on_without_being_recorded(tmp_path):
    env = understudy.record(Cellar(), workspace=tmp_path)
    descend(env, steps=2)
    ahead = copy.deepcopy(env)
    observation, *_ = ahead.step([0, 0])
    assert observation["inner"][0] == 3
    env.close()
    assert len(only_session(tmp_path).frames()) == 3


def test_a_vector_is_refused_with_the_way_that_works(tmp_path):
    vector = gymnasium.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")
    with pytest.raises(CaptureError, match="make_vec"):
        understudy.record(vector, workspace=tmp_path)
    vector.close()
    vector = gymnasium.make_vec(
        "CartPole-v1",
        num_envs=2,
        vectorization_mode="sync",
        wrappers=[lambda env: understudy.record(env, workspace=tmp_path)],
    )
    vector.reset(seed=1)
    for _ in range(40):
        vector.step(vector.action_space.sample())
    vector.close()
    with understudy.Workspace(tmp_path) as workspace:
        assert [session.status for session in workspace.sessions()] == ["sealed", "sealed"]
        assert all(len(session.frames()) > 40 for session in workspace.sessions())


@pytest.mark.parametrize(
    ("env", "options", "says"),
    [
        ("CartPole-v1", {}, "takes a gymnasium.Env, not str"),
        (Cellar(), {"image": "render"}, "render_mode"),
        (Cellar(), {"image": "observation.says"}, "may be 'auto', 'render', 'none'"),
        (Cellar(), {"session": "step"}, "choose `env` or `episode`"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_made(tmp_path, env, options, says):
    with pytest.raises(CaptureError, match=says):
        understudy.record(env, workspace=tmp_path / "w", **options)
    assert not (tmp_path / "w").exists()


def test_a_workspace_that_cannot_be_opened_shows_before_the_game_begins(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WorkspaceError):
        understudy.record(Cellar(), workspace=tmp_path / "file")


def test_without_gymnasium_the_error_says_what_to_install():
    code = (
        "import sys\nsys.modules['gymnasium'] = None\nimport understudy\n"
        "try:\n    understudy.record(object())\n"
        "except understudy.UnderstudyError as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ".[games]" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("dropped", ["", "import gc\ndel env\ngc.collect()\n"])
def test_an_environment_left_open_is_sealed_when_the_program_ends(tmp_path, dropped):
    code = (
        "import sys, gymnasium, understudy\n"
        "env = understudy.record(gymnasium.make('CartPole-v1'), workspace=sys.argv[1])\n"
        "env.reset(seed=1)\nenv.step(0)\n"
    )
    subprocess.run([sys.executable, "-c", code + dropped, str(tmp_path)], check=True)
    session = only_session(tmp_path)
    assert session.status == "sealed"
    assert len(session.frames()) == 2


def test_more_leaves_than_a_row_has_columns_are_kept_all_the_same(tmp_path):
    class Wide(gymnasium.Env):
        observation_space = spaces.Dict({f"o{n}": spaces.Discrete(99) for n in range(60)})
        action_space = spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return {f"o{n}": n for n in range(60)}, {}

        def step(self, action):
            return {f"o{n}": n for n in range(60)}, 0.0, True, False, {}

    env = understudy.record(Wide(), workspace=tmp_path)
    env.reset()
    env.step(1)
    env.close()
    session = only_session(tmp_path)
    kept = session.frames().to_pylist()[0]
    [step, _] = [line for line in session.trace() if isinstance(line, AgentStep)]
    kept |= step.facts
    assert [kept[f"observation.o{n}"] for n in range(60)] == list(range(60))


@pytest.mark.parametrize("sessions", ["env", "episode"])
def test_a_disk_that_takes_nothing_costs_the_recording_and_not_the_game(tmp_path, sessions):
    env = understudy.record(Cellar("rgb_array"), workspace=tmp_path, session=sessions)
    (tmp_path / "runs").rmdir()
    (tmp_path / "runs").write_text("no folder any more")
    descend(env)
    descend(env, steps=2)
    env.close()
    counters = env.session.counters
    assert counters.seen == counters.dropped > 0
    assert "could not begin" in counters.last_error
