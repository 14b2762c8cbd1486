"""The endpoint: one question and its answer, through the real client, against a real server."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.players.chat.conftest import KEY, StandingTime
from tests.players.chat.vision_server import Instead, VisionServer, failure

from understudy import Workspace
from understudy.config import MaskSettings, Settings
from understudy.errors import PlayerError
from understudy.players.backends.endpoint import ChatEndpoint
from understudy.session.steps import ChatStep, EventStep

ASK: list[dict[str, Any]] = [{"role": "user", "content": "Which button?"}]
SCHEMA = {
    "type": "object",
    "properties": {"action": {"type": "string"}},
    "required": ["action"],
    "additionalProperties": False,
}
MakeSettings = Callable[..., Settings]


@pytest.fixture
def endpoint(make_settings: MakeSettings, time: StandingTime) -> Iterator[ChatEndpoint]:
    with closing(ChatEndpoint(make_settings(), clock=time.clock)) as made:
        yield made


@pytest.fixture
def blind(server: VisionServer) -> VisionServer:
    """A server whose model always says the same."""
    server.eyes = lambda *_seen: {"action": "press_a"}
    return server


def ask(endpoint: ChatEndpoint, **more: Any) -> Any:
    return endpoint.complete(ASK, schema=SCHEMA, purpose="decision", **more)


def events(workspace: Workspace, kind: str) -> list[dict[str, Any]]:
    steps = [step for session in workspace.sessions() for step in session.trace()]
    return [step.facts or {} for step in steps if isinstance(step, EventStep) and step.kind == kind]


def chats(workspace: Workspace) -> list[ChatStep]:
    steps = [step for session in workspace.sessions() for step in session.trace()]
    return [step for step in steps if isinstance(step, ChatStep)]


# An answer ---------------------------------------------------------------------------------------


def test_an_answer_comes_with_its_object_its_tokens_and_its_cost(
    blind: VisionServer, make_settings: MakeSettings
) -> None:
    settings = make_settings(price_input_per_million=1_000_000, price_output_per_million=10_000_000)
    with closing(ChatEndpoint(settings)) as endpoint:
        completion = ask(endpoint)
    assert completion.parsed == {"action": "press_a"}
    assert not completion.repaired
    assert completion.tokens == {"input": 3, "output": 6}
    assert completion.cost == pytest.approx(3 + 60)
    assert completion.model == "eyes-1"
    assert (completion.cached, completion.attempts) == (False, 1)


def test_the_schema_is_sent_strictly_and_the_settings_with_it(
    blind: VisionServer, make_settings: MakeSettings
) -> None:
    with closing(ChatEndpoint(make_settings(temperature=0.5, max_output_tokens=77))) as endpoint:
        ask(endpoint)
    body = blind.requests[0].body
    assert body["response_format"]["json_schema"] == {
        "name": "decision",
        "schema": SCHEMA,
        "strict": True,
    }
    assert (body["temperature"], body["max_tokens"]) == (0.5, 77)


def test_without_a_schema_the_words_are_the_answer(endpoint: ChatEndpoint, blind: Any) -> None:
    blind.instead(Instead(text="The upper one."))
    completion = endpoint.complete(ASK, purpose="question")
    assert completion.text == "The upper one."
    assert completion.parsed is None
    assert not completion.refused
    assert "response_format" not in blind.requests[0].body


def test_a_fenced_object_is_read_and_said_to_be_repaired(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.instead(Instead(text='Sure!\n```json\n{"action": "press_a",}\n```'))
    completion = ask(endpoint)
    assert completion.parsed == {"action": "press_a"}
    assert completion.repaired


def test_an_answer_that_was_cut_is_refused_even_where_it_could_be_read(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.instead(Instead(text='{"action": "press_a"}', finish_reason="length"))
    completion = ask(endpoint)
    assert completion.parsed is None
    assert "cut off" in completion.refused


def test_content_in_parts_and_no_content_at_all_are_both_read(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    def with_content(content: Any) -> Instead:
        return Instead(body={"choices": [{"message": {"role": "assistant", "content": content}}]})

    blind.instead(with_content([{"type": "text", "text": '{"action": "wait"}'}]))
    assert ask(endpoint).parsed == {"action": "wait"}
    blind.instead(with_content(None))
    nothing = ask(endpoint)
    assert (nothing.text, nothing.parsed, nothing.tokens) == ("", None, {})
    assert nothing.refused == "the answer is empty"


# Structured output -------------------------------------------------------------------------------


def test_a_server_that_refuses_schemas_is_asked_in_another_way_and_that_is_remembered(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.refused_formats = {"json_schema"}
    assert ask(endpoint).attempts == 2
    assert ask(endpoint).attempts == 1
    asked = [request.body["response_format"]["type"] for request in blind.requests]
    assert asked == ["json_schema", "json_object", "json_object"]


def test_a_server_that_refuses_every_format_is_asked_without(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.refused_formats = {"json_schema", "json_object"}
    assert ask(endpoint).parsed == {"action": "press_a"}
    assert "response_format" not in blind.requests[-1].body


def test_a_refusal_that_has_other_reasons_is_told_as_the_server_put_it_first(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.instead(*[failure(400, f"image {n} is broken") for n in range(3)])
    with pytest.raises(PlayerError, match="image 0 is broken") as error:
        ask(endpoint)
    assert "eyes-1" in str(error.value)
    ask(endpoint)  # and nothing was concluded from it
    assert blind.requests[-1].body["response_format"]["type"] == "json_schema"


def test_a_chosen_way_is_kept_to(blind: VisionServer, make_settings: MakeSettings) -> None:
    with closing(ChatEndpoint(make_settings(structured="json_object"))) as endpoint:
        ask(endpoint)
        assert blind.requests[0].body["response_format"] == {"type": "json_object"}
        blind.refused_formats = {"json_object"}
        with pytest.raises(PlayerError, match="json_object is not supported"):
            ask(endpoint)


def test_the_other_name_of_the_token_limit_is_used_where_the_server_wants_it(
    endpoint: ChatEndpoint, blind: VisionServer
) -> None:
    blind.only_completion_tokens = True
    assert ask(endpoint).attempts == 2
    assert ask(endpoint).attempts == 1
    assert blind.requests[-1].body["max_completion_tokens"] == 2048


# Trouble -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "slow down", Retry_After="0"),
        failure(500, "oops"),
        failure(503, "overloaded"),
        Instead(drop=True),
        Instead(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"),
        Instead(body=b"<html>Please log in</html>", content_type="text/html"),
        Instead(body=b"not even JSON"),
        Instead(body={"choices": []}),
        Instead(body=[1, 2]),
        Instead(body=b""),
    ],
    ids=lambda trouble: f"{trouble.status}-{str(trouble.body)[:20]}",
)
def test_what_may_pass_is_tried_again(
    endpoint: ChatEndpoint, blind: VisionServer, trouble: Instead
) -> None:
    blind.instead(trouble)
    completion = ask(endpoint)
    assert completion.parsed == {"action": "press_a"}
    assert completion.attempts == 2


@pytest.mark.slow
def test_waits_double_and_the_server_may_name_its_own(
    blind: VisionServer, make_settings: MakeSettings, time: StandingTime
) -> None:
    with closing(ChatEndpoint(make_settings(backoff_s=2.0, attempts=6), clock=time.clock)) as it:
        blind.instead(
            failure(500, "oops"),
            failure(500, "oops"),
            failure(429, "slow down", Retry_After="17"),
            failure(429, "slow down", Retry_After_ms="250"),
            failure(429, "slow down", Retry_After="soon"),
        )
        ask(it)
    assert time.slept == [2.0, 4.0, 17.0, 0.25, 32.0]


def test_retry_after_may_be_a_date(endpoint: ChatEndpoint, blind: Any, time: StandingTime) -> None:
    blind.instead(failure(503, "down", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"))
    ask(endpoint)
    assert time.slept == [0.0]


def test_a_server_that_asks_to_wait_for_hours_is_not_waited_for(
    endpoint: ChatEndpoint, blind: VisionServer, time: StandingTime
) -> None:
    blind.instead(failure(429, "daily quota", Retry_After="36000"))
    with pytest.raises(PlayerError, match=r"36000 s .*daily quota"):
        ask(endpoint)
    assert time.slept == []


@pytest.mark.slow
def test_a_server_that_stops_answering_ends_it_with_address_and_last_reason(
    blind: VisionServer, make_settings: MakeSettings, time: StandingTime
) -> None:
    blind.instead(failure(500, "oops"), Instead(hang=True))
    with (
        closing(ChatEndpoint(make_settings(attempts=2, timeout_s=0.2), clock=time.clock)) as it,
        pytest.raises(PlayerError) as error,
    ):
        ask(it)
    assert blind.url in str(error.value)
    assert "2 attempts (no answer in time)" in str(error.value)


def test_a_server_that_is_not_there_is_named(
    make_settings: MakeSettings, time: StandingTime
) -> None:
    settings = make_settings(base_url="http://user:secret@127.0.0.1:1/v1?token=t", attempts=3)
    with (
        closing(ChatEndpoint(settings, clock=time.clock)) as endpoint,
        pytest.raises(PlayerError) as error,
    ):
        ask(endpoint)
    assert "http://127.0.0.1:1/v1 gave no answer in 3 attempts (ConnectError" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "check the key in the environment variable OPENAI_API_KEY"), (404, "'eyes-1'")],
)
def test_what_will_not_pass_is_not_tried_again(
    endpoint: ChatEndpoint, blind: VisionServer, status: int, advice: str
) -> None:
    blind.instead(failure(status, "no"))
    with pytest.raises(PlayerError, match=advice):
        ask(endpoint)
    assert len(blind.requests) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "too dear"}}, "402: too dear"),
        ([{"error": {"code": 402, "message": "too dear"}}], "402: too dear"),
        ({"error": "too dear"}, "402: too dear"),
        ({"detail": "too dear"}, "402: too dear"),
        ({"object": "error", "message": "too\n dear"}, "402: too dear"),
        ({"errors": [1]}, '402: {"errors": \\[1\\]}'),
        (b"too dear", "402: too dear"),
        ({"error": {"message": "x" * 5_000}}, "x{100}.*…"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_reason_is_read_in_whichever_shape_the_server_has_it(
    endpoint: ChatEndpoint, blind: VisionServer, body: Any, reason: str
) -> None:
    blind.instead(Instead(status=402, body=body))
    with pytest.raises(PlayerError, match=reason):
        ask(endpoint)


def test_ctrl_c_ends_a_wait(blind: VisionServer, make_settings: MakeSettings) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    clock = StandingTime()
    clock.sleep = interrupted  # type: ignore[method-assign]
    blind.instead(failure(500, "oops"))
    with (
        closing(ChatEndpoint(make_settings(backoff_s=60), clock=clock.clock)) as endpoint,
        pytest.raises(KeyboardInterrupt),
    ):
        ask(endpoint)


def test_ctrl_c_ends_the_waiting_for_an_answer(
    endpoint: ChatEndpoint, server: VisionServer
) -> None:
    def pressed_meanwhile(*_seen: object) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGINT)
        server.ending.wait()
        return {}

    server.eyes = pressed_meanwhile
    with pytest.raises(KeyboardInterrupt):
        ask(endpoint)


# Limits ------------------------------------------------------------------------------------------


def test_requests_keep_their_distance_over_all_who_share_the_folder(
    blind: VisionServer, make_settings: MakeSettings, time: StandingTime, tmp_path: Any
) -> None:
    settings = make_settings(requests_per_minute=30, cache=False)
    one = ChatEndpoint(settings, folder=tmp_path, clock=time.clock)
    other = ChatEndpoint(settings, folder=tmp_path, clock=time.clock)
    with closing(one), closing(other):
        ask(one)
        ask(other)
        ask(one)
        assert time.slept == [2.0, 2.0]
        time.moment += 3600
        ask(other)
        assert time.slept == [2.0, 2.0]


def test_a_clock_that_was_set_back_does_not_hold_requests_up(
    blind: VisionServer, make_settings: MakeSettings, time: StandingTime
) -> None:
    with closing(ChatEndpoint(make_settings(requests_per_minute=60), clock=time.clock)) as it:
        ask(it)
        time.moment -= 86_400
        ask(it)
    assert time.slept == []


def test_once_the_limit_is_spent_nobody_asks_any_more(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any
) -> None:
    # One answer costs 3 * 1 + 6 * 2 = 15.
    settings = make_settings(
        price_input_per_million=1_000_000,
        price_output_per_million=2_000_000,
        spend_limit=20,
        cache=False,
    )
    one = ChatEndpoint(settings, folder=tmp_path)
    other = ChatEndpoint(settings, folder=tmp_path)
    with closing(one), closing(other):
        one.spend_from("batch 1")
        other.spend_from("batch 1")
        ask(one)
        ask(other)
        with pytest.raises(PlayerError, match=r"30\.0000 is spent and the limit is 20"):
            ask(one)
        other.spend_from("batch 2")
        ask(other)
    assert len(blind.requests) == 3


def test_a_limit_that_could_not_be_counted_is_refused(make_settings: MakeSettings) -> None:
    with pytest.raises(PlayerError, match="without prices"):
        ChatEndpoint(make_settings(spend_limit=1.0))


def test_a_server_that_does_not_count_tokens_cannot_be_held_to_a_limit(
    blind: VisionServer, make_settings: MakeSettings
) -> None:
    settings = make_settings(spend_limit=1.0, price_input_per_million=1.0)
    blind.instead(Instead(text='{"action": "press_a"}', usage=False))
    with (
        closing(ChatEndpoint(settings)) as endpoint,
        pytest.raises(PlayerError, match="does not say how many tokens"),
    ):
        ask(endpoint)


# The cache ---------------------------------------------------------------------------------------


def test_the_same_question_is_paid_for_once_and_recorded_as_what_it_was(
    blind: VisionServer, make_settings: MakeSettings, ws: Workspace, tmp_path: Any
) -> None:
    settings = make_settings(price_input_per_million=1.0)
    for _ in range(2):
        with (
            ws.record(game="g") as session,
            closing(ChatEndpoint(settings, folder=tmp_path / "player")) as endpoint,
        ):
            completion = ask(endpoint, session=session, seed=7)
    assert completion.parsed == {"action": "press_a"}
    assert (completion.cached, completion.attempts, completion.cost) == (True, 0, 0.0)
    assert completion.tokens == {"input": 0, "output": 0}
    assert len(blind.requests) == 1
    assert len(chats(ws)) == 1
    (event,) = events(ws, "chat_cached")
    assert (event["purpose"], event["model"]) == ("decision", "eyes-1")


@pytest.mark.parametrize(("temperature", "asked"), [(None, 2), (0.7, 2), (0.0, 1)])
def test_where_answers_vary_sessions_of_another_seed_ask_for_themselves(
    blind: VisionServer,
    make_settings: MakeSettings,
    tmp_path: Any,
    temperature: float | None,
    asked: int,
) -> None:
    settings = make_settings(temperature=temperature)
    with closing(ChatEndpoint(settings, folder=tmp_path)) as endpoint:
        ask(endpoint, seed=1)
        ask(endpoint, seed=2)
    assert len(blind.requests) == asked


@pytest.mark.parametrize(
    "change", [{"model": "other"}, {"temperature": 0.1}, {"max_output_tokens": 5}]
)
def test_another_question_is_another_question(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any, change: dict[str, Any]
) -> None:
    for settings in (make_settings(), make_settings(**change)):
        with closing(ChatEndpoint(settings, folder=tmp_path)) as endpoint:
            assert not ask(endpoint).cached


@pytest.mark.parametrize(
    "answer",
    [
        Instead(text="I cannot say."),
        Instead(text=""),
        Instead(text='{"action": "press_a"}', finish_reason="length"),
        Instead(text='{"action": "write to jane.doe@example.com"}'),
    ],
    ids=["no object", "empty", "cut", "personal data"],
)
def test_what_is_of_no_use_or_must_not_lie_open_is_not_kept(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any, answer: Instead
) -> None:
    blind.instead(answer)
    with closing(ChatEndpoint(make_settings(), folder=tmp_path)) as endpoint:
        ask(endpoint)
        assert not ask(endpoint).cached


def test_a_cache_that_cannot_be_written_is_left_out(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any
) -> None:
    (tmp_path / "chat_cache.sqlite").write_bytes(b"this is no database" * 100)
    with closing(ChatEndpoint(make_settings(), folder=tmp_path)) as endpoint:
        assert ask(endpoint).parsed == ask(endpoint).parsed
    assert len(blind.requests) == 2


def test_a_cache_can_be_switched_off(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any
) -> None:
    with closing(ChatEndpoint(make_settings(cache=False), folder=tmp_path)) as endpoint:
        ask(endpoint)
        assert not ask(endpoint).cached


# What is recorded --------------------------------------------------------------------------------


def test_every_request_stands_in_the_session_failed_ones_too(
    endpoint: ChatEndpoint, blind: VisionServer, ws: Workspace
) -> None:
    blind.instead(failure(503, "overloaded"))
    with ws.record(game="g") as session:
        ask(endpoint, session=session)
    with ws.record(game="g") as another:
        ask(endpoint, session=another)
    assert sorted(chat.status for chat in chats(ws)) == ["complete", "complete", "upstream_error"]
    (event,) = events(ws, "chat_failed")
    assert event == {"purpose": "decision", "attempt": 1, "reason": "503: overloaded"}


def test_the_key_is_sent_and_nowhere_written_even_where_the_server_repeats_it(
    blind: VisionServer, make_settings: MakeSettings, ws: Workspace
) -> None:
    blind.instead(failure(500, f"{KEY} is busy"), failure(401, f"wrong key: {KEY}"))
    folder = ws.path / "players"
    with (
        closing(ChatEndpoint(make_settings(), folder=folder)) as endpoint,
        ws.record(game="g") as session,
    ):
        with pytest.raises(PlayerError) as error:
            ask(endpoint, session=session)
        ask(endpoint, session=session)
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in blind.requests)
    assert "wrong key: [API_KEY]" in str(error.value)
    written = [path for path in ws.path.rglob("*") if path.is_file()]
    assert (folder / "chat_cache.sqlite") in written
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path


# Settings ----------------------------------------------------------------------------------------


def test_a_local_server_needs_no_key(
    blind: VisionServer, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings()
    monkeypatch.delenv("OPENAI_API_KEY")
    with closing(ChatEndpoint(settings)) as endpoint:
        assert ask(endpoint).parsed
        blind.instead(failure(401, "no key"))
        with pytest.raises(PlayerError, match="set the environment variable OPENAI_API_KEY"):
            ask(endpoint)


def test_the_key_is_taken_from_the_variable_that_is_named(
    blind: VisionServer, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "another-key")
    with closing(ChatEndpoint(make_settings(api_key_env="MY_KEY"))) as endpoint:
        ask(endpoint)
    assert blind.requests[0].headers["authorization"] == "Bearer another-key"


def test_the_address_may_stand_in_the_environment(
    blind: VisionServer, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(base_url="")
    monkeypatch.setenv("OPENAI_BASE_URL", blind.url)
    with closing(ChatEndpoint(settings)) as endpoint:
        assert ask(endpoint).parsed


def test_without_a_key_and_an_address_it_says_what_to_do(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(base_url="", api_key_env="MY_KEY")
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(PlayerError, match="environment variable MY_KEY holds no key"):
        ChatEndpoint(settings)


def test_without_the_package_it_says_what_to_do(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(PlayerError, match="install it with `pip install openai`"):
        ChatEndpoint(make_settings())


def test_an_address_that_is_none_is_refused(make_settings: MakeSettings) -> None:
    with pytest.raises(PlayerError, match="'localhost:8000' is no address"):
        ChatEndpoint(make_settings(base_url="localhost:8000"))


def test_a_model_must_be_named(make_settings: MakeSettings) -> None:
    with pytest.raises(PlayerError, match="no model is named"):
        ChatEndpoint(make_settings(model=""))
    with closing(ChatEndpoint(make_settings(model=""), model="given")) as endpoint:
        assert endpoint.model == "given"


def test_masking_that_is_switched_off_is_switched_off_here_too(
    blind: VisionServer, make_settings: MakeSettings, tmp_path: Any
) -> None:
    settings = make_settings().model_copy(update={"mask": MaskSettings(enabled=False)})
    blind.instead(Instead(text=json.dumps({"action": "write to jane.doe@example.com"})))
    with closing(ChatEndpoint(settings, folder=tmp_path)) as endpoint:
        ask(endpoint)
        assert ask(endpoint).cached
