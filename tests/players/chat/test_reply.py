"""What models write, and what may be made of it: read, repaired where that is safe, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.games.game import Action
from understudy.players.backends.json_reply import LONGEST, read_json_reply
from understudy.players.chat.actions import described, meant
from understudy.players.chat.reply import (
    LONGEST_NOTE,
    LONGEST_SENTENCE,
    Refusal,
    Reply,
    read_reply,
    reply_format,
    reply_schema,
)

BUTTONS = ("press_a", "press_b", "press_start", "press_up", "press_down", "wait", "report")


def read(text: str, names: tuple[str, ...] = BUTTONS) -> Reply | Refusal:
    """As the player reads an answer."""
    found = read_json_reply(text)
    if found.value is None:
        return Refusal(found.reason)
    return read_reply(found.value, names, repaired=found.repaired)


@pytest.mark.parametrize(
    "text",
    [
        '{"action": "press_a"}',
        '```json\n{"action": "press_a"}\n```',
        'Let me see.\n```\n{"action": "press_a"}\n```\nDone!',
        'I choose {"action": "press_a"}.',
        "{'action': 'press_a', 'reasoning': \"it's the menu\"}",
        '{"action": "press_a",}',
        '{action: "press_a"}',
        '{"action": "press_a" // the cursor is there\n}',
        '{"reasoning": "It says "BAG" there", "action": "press_a"}',
        '{"reasoning": "one\nline\nmore", "action": "press_a"}',
        '{"action": "press_a"}}',
        '[{"action": "press_a"}]',
        '<think>{"action": "press_b"} would go back.</think>{"action": "press_a"}',
        '{"Action": "press_a"}',
        '{"action": " press_a "}',
    ],
)
def test_what_can_only_be_meant_one_way_is_read(text: str) -> None:
    reply = read(text)
    assert isinstance(reply, Reply), reply
    assert reply.action == Action("press_a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("<think>Hm.</think>", "empty"),
        ("Press A!", "holds no JSON object"),
        ('"press_a"', "holds no JSON object"),
        ('{"action": "press_a"', "does not end"),
        ('{"action": "press_a"} or {"action": "press_b"}', "more than one JSON object"),
        ('[{"action": "press_a"}, {"action": "press_b"}]', "more than one JSON object"),
        ('{"action": "press_a", "action": "press_b"}', "`action` more than once"),
        ("{'action': 'press_a'}\n{'action': 'press_b'}", "`action` more than once"),
        ('{"button": "press_a"}', "has no `action`"),
        ('{"action": ["press_a"]}', "has no `action`"),
        ('{"action": ""}', "has no `action`"),
        ('{"action": "dance"}', "`dance` is none of the actions: press_a"),
        ('{"action": "press_a press_b"}', "none of the actions"),
        ('{"action": "report"}', "needs its answer in `text`"),
        ('{"action": "report", "text": "  "}', "needs its answer in `text`"),
        ("{" * 40_000 + "}", "could be read"),
        ('{"action": "press_a"}' + " " * LONGEST, "longer than"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_is_refused_with_the_reason(text: str, reason: str) -> None:
    reply = read(text)
    assert isinstance(reply, Refusal), reply
    assert reason in reply.reason


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("press_a", "press_a"),
        ("A", "press_a"),
        ("press a", "press_a"),
        ("PRESS_A", "press_a"),
        ("Press the A button", "press_a"),
        ("START", "press_start"),
        ("push the start key.", "press_start"),
        ("up arrow", "press_up"),
        ("walk down", "press_down"),
        ("Wait", "wait"),
        ("press a, then b", None),
        ("press a twice", None),
        ("a b", None),
        ("press", None),
        ("the", None),
        ("", None),
        ("select", None),
        ("a" * 1000, None),
    ],
)
def test_an_action_may_be_said_in_other_words_but_only_as_one_of_the_list(
    written: str, name: str | None
) -> None:
    assert meant(written, BUTTONS) == name


def test_words_that_fit_two_actions_mean_neither() -> None:
    assert meant("a", ("press_a", "hit_a")) is None
    assert meant("press_a", ("press_a", "hit_a")) == "press_a"


def test_a_report_carries_its_text_wherever_the_model_wrote_it() -> None:
    for written in (
        {"action": "report", "text": "3 potions"},
        {"action": "report: 3 potions"},
        {"action": "REPORT", "text": "3 potions"},
    ):
        reply = read_reply(written, BUTTONS)
        assert isinstance(reply, Reply)
        assert reply.action == Action("report", "3 potions")
    number = read_reply({"action": "report", "text": 3}, BUTTONS)
    assert isinstance(number, Reply)
    assert number.action.text == "3"


def test_other_actions_carry_no_text() -> None:
    reply = read_reply({"action": "press_a", "text": "3 potions"}, BUTTONS)
    assert isinstance(reply, Reply)
    assert reply.action == Action("press_a")


def test_only_what_was_not_to_the_letter_counts_as_repaired() -> None:
    assert [
        isinstance(reply, Reply) and reply.repaired
        for reply in (
            read('{"action": "press_a"}'),
            read('{"action": "A"}'),
            read('```{"action": "press_a"}```'),
        )
    ] == [False, True, True]


def test_long_words_are_shortened() -> None:
    reply = read_reply({"action": "wait", "reasoning": "x" * 9999, "note": "y" * 9999}, BUTTONS)
    assert isinstance(reply, Reply)
    assert reply.reasoning is not None
    assert len(reply.reasoning) == LONGEST_SENTENCE
    assert len(reply.note) == LONGEST_NOTE


def test_a_game_without_reports_is_not_asked_for_a_text() -> None:
    schema = reply_schema(("press_a", "wait"))
    assert schema["properties"]["action"]["enum"] == ["press_a", "wait"]
    assert "text" not in schema["properties"]
    assert '"text"' not in reply_format(("press_a", "wait"))
    assert '"text"' in reply_format(BUTTONS)


def test_the_schema_keeps_the_strict_rules_of_servers() -> None:
    schema = reply_schema(BUTTONS)
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


def test_actions_that_nobody_described_are_listed_all_the_same() -> None:
    assert described(("press_a", "jump")).splitlines()[1] == "- jump"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
names = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6, unique=True).map(tuple)
almost_json = st.lists(
    st.sampled_from(
        ['{"action"', ":", '"press_a"', "press a", "{", "}", "[", "]", ",", "'", '"', "```json\n",
         "```", "<think>", "</think>", "\n", "action", "report", "report: 3", '"text": "x"', "//"]
    )
    | st.text(max_size=4),
    max_size=14,
).map("".join)  # fmt: skip


def check(reply: Reply | Refusal, offered: tuple[str, ...]) -> None:
    if isinstance(reply, Reply):
        assert reply.action.name in offered
        assert reply.action.text or reply.action.name != "report"
    else:
        assert isinstance(reply, Refusal)
        assert reply.reason


@pytest.mark.slow
@settings(deadline=None)
@given(text=st.text() | almost_json, offered=st.just(BUTTONS) | names)
def test_no_text_raises_or_becomes_an_action_that_was_not_offered(
    text: str, offered: tuple[str, ...]
) -> None:
    check(read(text, offered), offered)


@pytest.mark.slow
@settings(deadline=None)
@given(
    action=json_values | st.sampled_from(["A", "press a", "Report: 3"]),
    rest=st.dictionaries(
        st.sampled_from(["text", "note", "reasoning", "x", " Action "]), json_values
    ),
    offered=st.just(BUTTONS) | names,
)
def test_no_object_raises_or_becomes_an_action_that_was_not_offered(
    action: Any, rest: dict[str, Any], offered: tuple[str, ...]
) -> None:
    value = {"action": action, **rest}
    check(read_reply(value, offered), offered)
    check(read(json.dumps(value), offered), offered)


@settings(deadline=None)
@given(name=st.sampled_from(BUTTONS[:-1]), reasoning=st.text(max_size=50))
def test_whatever_is_to_the_letter_is_played_to_the_letter(name: str, reasoning: str) -> None:
    reply = read(json.dumps({"reasoning": reasoning, "action": name}))
    assert isinstance(reply, Reply)
    assert (reply.action, reply.repaired) == (Action(name), False)
