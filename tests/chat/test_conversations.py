"""Calls find their conversation from nothing but what they say."""

from __future__ import annotations

import threading
from typing import Any

from openai.types.chat import ChatCompletionMessage

from understudy.chat.conversations import ConversationIndex

SYSTEM = {"role": "system", "content": "You are the Dungeon Master."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def dm(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def test_a_call_goes_on_with_the_conversation_whose_answer_it_ends_in() -> None:
    index = ConversationIndex()
    first = index.assign([SYSTEM, user("I enter.")])
    index.remember(first, [SYSTEM, user("I enter.")], dm("It is dark."))
    shortened = [{**SYSTEM, "content": "Round 2"}, dm("It is dark."), user("I light a torch.")]
    assert index.assign(shortened) == first


def test_a_call_with_a_known_opening_belongs_to_it_though_its_answers_were_rewritten() -> None:
    index = ConversationIndex()
    first = index.assign([SYSTEM, user("I enter.")])
    index.remember(first, [SYSTEM, user("I enter.")], dm("It is dark."))
    assert index.assign([SYSTEM, user("I enter."), dm("[summary]"), user("On!")]) == first


def test_another_opening_is_another_conversation() -> None:
    index = ConversationIndex()
    assert index.assign([SYSTEM, user("I enter.")]) != index.assign([SYSTEM, user("I leave.")])
    assert index.assign([user("I enter.")]) != index.assign([SYSTEM, user("I enter.")])


def test_an_answer_that_two_conversations_got_is_told_apart_by_the_opening() -> None:
    index = ConversationIndex()
    openings = [[SYSTEM, user("Game A")], [SYSTEM, user("Game B")]]
    ids = [index.assign(opening) for opening in openings]
    for found, opening in zip(ids, openings, strict=True):
        index.remember(found, opening, dm("Yes."))
    for found, opening in zip(ids, openings, strict=True):
        assert index.assign([*opening, dm("Yes."), user("More?")]) == found
    assert index.assign([user("Game C"), dm("Yes."), user("More?")]) not in ids


def test_an_answer_is_known_again_as_a_client_sends_it_back() -> None:
    index = ConversationIndex()
    call = {"id": "c1", "type": "function"}
    answer = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{**call, "function": {"name": "roll", "arguments": '{"d": 20, "n": 1}'}}],
    }
    index.remember("known", [user("I hit it.")], answer)
    dumped = ChatCompletionMessage.model_validate(answer).model_dump()
    rewritten = {**call, "function": {"name": "roll", "arguments": '{"n":1,"d":20}'}}
    in_parts = {"role": "assistant", "content": [], "tool_calls": [rewritten]}
    other = {**call, "function": {"name": "roll", "arguments": '{"n":1,"d":6}'}}
    for sent, same in [
        (dumped, True),
        (in_parts, True),
        ({**answer, "tool_calls": [other]}, False),
    ]:
        result = {"role": "tool", "tool_call_id": "c1", "content": "17"}
        assert (index.assign([user("another opening " * same), sent, result]) == "known") is same
    index.remember("text", [user("Hello")], dm("Well met."))
    parts = {"role": "assistant", "content": [{"type": "text", "text": "Well met."}]}
    assert index.assign([user("x"), parts]) == "text"


def test_the_servers_id_of_the_answer_before_decides_first() -> None:
    index = ConversationIndex()
    index.remember("known", [user("Hello")], dm("Hm."), response_id="resp_1")
    assert index.assign([user("And then?")], previous_response_id="resp_1") == "known"
    assert index.assign([user("Unknown")], previous_response_id="resp_9") != "known"


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    index = ConversationIndex(limit=3)
    ids = [index.assign([user(str(i))]) for i in range(3)]
    assert index.assign([user("0")]) == ids[0]
    index.assign([user("3")])
    assert index.assign([user("0")]) == ids[0]
    assert index.assign([user("1")]) != ids[1]


def test_messages_of_any_shape_find_some_conversation() -> None:
    index = ConversationIndex()
    odd: list[dict[str, Any]] = [
        {},
        {"role": [], "content": {"a": 1}},
        {"role": "assistant", "content": 7, "tool_calls": [1, {"function": {"arguments": 3}}]},
    ]
    first = index.assign(odd)
    index.remember(first, odd, odd[2])
    assert index.assign(odd) == first
    assert index.assign([])


def test_threads_do_not_disturb_one_another() -> None:
    index = ConversationIndex(limit=50)
    found: list[set[str]] = [set() for _ in range(8)]

    def play(player: int) -> None:
        history = [user(f"I am player {player}.")]
        for turn in range(100):
            found[player].add(index.assign(history))
            answer = dm(f"Turn {turn} of {player}.")
            index.remember(next(iter(found[player])), history, answer)
            history = [*history, answer, user("On!")]

    threads = [threading.Thread(target=play, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(ids) for ids in found] == [1] * 8
    assert len(set.union(*found)) == 8
