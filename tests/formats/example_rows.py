"""Rows and chats to be written, as sessions of players and of chat models make them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from understudy.formats.dataset_rows import AgentRow, ChatRow
from understudy.session.instruction import InstructionRow

ROLL = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}


def png(colour: int = 0, *, mode: str = "RGB", size: tuple[int, int] = (8, 6)) -> bytes:
    """A small picture of one grey, in the given pixel format."""
    picture = Image.new("L", size, colour).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def instruction_row(**changes: Any) -> InstructionRow:
    """One step of a bag being looked through."""
    given: dict[str, Any] = {
        "session": "01KB0000000000000000000000",
        "name": "healing-items-001",
        "n": 7,
        "game": "pocket",
        "task_id": "check-healing-items",
        "player": "chat",
        "instruction": "Check what healing items I have in my bag",
        "goal": "Inventory analysis and reporting",
        "screenshot": "screenshots/step_05_before_action.png",
        "screen": "00ff00ff00ff00ff",
        "memory_context": "Currently in the healer's house, party has 3",
        "previous_actions": ["press_start", "press_down"],
        "step_number": 5,
        "total_steps": 15,
        "action": "press_down",
        "reasoning": "Navigate to the items",
        "expected_outcome": "The cursor moves",
        "timestamp": "2025-06-18T10:22:06+00:00",
        "model_used": "gemini-flash-2.0-exp",
        "effect": True,
        "mistake": False,
        "success": True,
        "human_score": 8.0,
        "auto_score": None,
    }
    return InstructionRow(**{**given, **changes})


def agent_row(picture: bytes | None = None, **changes: Any) -> AgentRow:
    """The step with its picture (a black one unless given)."""
    return AgentRow(row=instruction_row(**changes), picture=png() if picture is None else picture)


def picture_part(picture: bytes) -> dict[str, Any]:
    """A picture in a message, as OpenAI's format has it."""
    from understudy.formats.pictures import data_url

    return {"type": "image_url", "image_url": {"url": data_url(picture)}}


def tool_chat() -> dict[str, Any]:
    """A chat with a picture, a tool call and its answer."""
    call = {"name": "roll", "arguments": '{"die": 20, "für": "Wahrnehmung"}'}
    return {
        "messages": [
            {"role": "system", "content": "You are the Dungeon Master."},
            {"role": "user", "content": [picture_part(png(9)), {"type": "text", "text": "I look"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "17"},
            {"role": "assistant", "content": "You see a key."},
        ],
        "tools": [ROLL],
    }


def chat_row(example: dict[str, Any] | None = None, **changes: Any) -> ChatRow:
    """One call to a chat model."""
    given: dict[str, Any] = {
        "example": tool_chat() if example is None else example,
        "session": "01KB0000000000000000000001",
        "n": 3,
        "game": "tavern",
        "player": "eve",
        "timestamp": "2025-06-18T10:22:06+00:00",
        "model_used": "dm-1",
        "success": None,
        "human_score": None,
        "auto_score": 7.5,
    }
    return ChatRow(**{**given, **changes})
