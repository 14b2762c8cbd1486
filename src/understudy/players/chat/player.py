"""The player `chat`: shows a model the screen, or tells it in words, and plays what it answers.

Of each decision it records, as facts of the step:

``prompt``       the template that was used, as ``NAME.vN``
``cost``         by the prices of the settings; 0 for answers from the cache
``cached``       true when every answer came from the cache
``attempts``     requests that were made
``repaired``     1 when the reply that was played had to be repaired first
``asked_again``  the reasons why replies before it could not be used, where there were any
``refused``      why the last reply could not be used either: the step was spent waiting
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.errors import PlayerError
from understudy.games.game import REPORT, Action
from understudy.players.backends.endpoint import ChatEndpoint, Completion
from understudy.players.chat.actions import WAIT, described
from understudy.players.chat.memory import ChatMemory
from understudy.players.chat.picture import data_url
from understudy.players.chat.reply import (
    Refusal,
    Reply,
    read_reply,
    reply_format,
    reply_schema,
)
from understudy.players.chat.templates import Template, find_template
from understudy.players.chat.trained import UPSCALE, TrainedPrompt, is_trained
from understudy.players.player import Decision, Outcome, Player, Situation, View
from understudy.players.registry import PlayerSettings
from understudy.session.masking.images import mask_image

if TYPE_CHECKING:
    from understudy.players.backends.endpoint import Messages
    from understudy.session.header import SessionHeader

SHOWN_ACTIONS = 10
MOST_ASKINGS = 3
"""How often the model is asked for one decision, in all. What the prompt `trained` asks, it asks
once: a model that learned to answer those words has learned nothing of being asked again."""
_LONGEST_ECHO = 2_000
"""Characters of a refused reply that the model is shown again."""


@dataclass
class _Tally:
    """What a decision or a session took."""

    attempts: int = 0
    answers: int = 0
    cached: int = 0
    cost: float = 0.0
    repaired: int = 0
    asked_again: int = 0
    refused: int = 0
    tokens: dict[str, int] = field(default_factory=dict)

    def count(self, completion: Completion) -> None:
        self.answers += 1
        self.attempts += completion.attempts
        self.cached += completion.cached
        self.cost += completion.cost
        for name, number in completion.tokens.items():
            self.tokens[name] = self.tokens.get(name, 0) + number

    def add(self, other: _Tally) -> None:
        for name in ("attempts", "answers", "cached", "cost", "repaired", "asked_again", "refused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, number in other.tokens.items():
            self.tokens[name] = self.tokens.get(name, 0) + number


@dataclass
class _Session:
    """What is known while one session is played."""

    situation: Situation
    prompt: Template | TrainedPrompt
    names: tuple[str, ...]
    memory: ChatMemory
    tally: _Tally = field(default_factory=_Tally)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return any(outcome.success for outcome in self.outcomes)


class ChatPlayer(Player):
    """Any model that sees pictures or reads, on any OpenAI-compatible server.

    See `[chat]` of the settings.

    PlayerError when no model is named, a prompt is wrong, or there is no way to ask a server.
    """

    name = "chat"

    def __init__(self, settings: PlayerSettings) -> None:
        chat = settings.settings.chat
        mask = settings.settings.mask
        self._prompts = [
            TrainedPrompt(reasoning=chat.reasoning)
            if is_trained(each)
            else find_template(each, settings.prompts)
            for each in chat.prompt
        ]
        self._pictures = chat.pictures
        self._upscale = chat.upscale
        self._hidden = mask.image_regions if mask.enabled else []
        self._folder = settings.folder if chat.remember else None
        self._endpoint = ChatEndpoint(
            settings.settings, model=settings.model, folder=settings.folder
        )
        self.model = self._endpoint.model
        self._session: _Session | None = None

    def begin(self, situation: Situation) -> None:
        """PlayerError when what was learned in earlier sessions cannot be read."""
        names = situation.game.action_names
        if situation.task is not None and situation.task.kind != "report":
            names = tuple(name for name in names if name != REPORT)
        try:
            memory = ChatMemory(
                situation.memory,
                game=situation.game.name,
                task=situation.words,
                folder=self._folder,
                masked=lambda text: self._endpoint.masker.mask_text(text)[0],
            )
        except (sqlite3.Error, OSError) as error:
            raise PlayerError(
                f"the lessons of earlier sessions in {self._folder} cannot be read ({error}); "
                "remove the file to begin anew, or set [chat] remember = false"
            ) from error
        self._endpoint.spend_from(_account(situation.session.header))
        prompt = self._prompts[situation.seed % len(self._prompts)]
        self._session = _Session(situation, prompt, names, memory)

    def decide(self, view: View) -> Decision:
        """Ask the model; PlayerError when the server gives no answer or the money is spent."""
        session = self._playing()
        messages = self._messages(session, view)
        tally = _Tally()
        reasons: list[str] = []
        reply: Reply | Refusal = Refusal("")
        for _ in range(1 if isinstance(session.prompt, TrainedPrompt) else MOST_ASKINGS):
            completion = self._endpoint.complete(
                messages,
                schema=_schema(session),
                session=session.situation.session,
                purpose="decision",
                seed=session.situation.seed,
            )
            tally.count(completion)
            reply = _read(completion, session.names)
            if isinstance(reply, Reply):
                break
            reasons.append(reply.reason)
            messages = _asked_again(messages, completion.text, reply.reason)
        decision = self._decision(session, reply, reasons, tally)
        session.tally.add(tally)
        if isinstance(reply, Reply) and reply.note:
            session.memory.note(view.step, reply.note)
        return decision

    def told(self, outcome: Outcome) -> None:
        """Remembered, so that the model is told which of its actions changed nothing."""
        self._playing().outcomes.append(outcome)

    def end(self) -> None:
        """Keep what was learned for later sessions."""
        session = self._playing()
        if session.succeeded:
            session.memory.learn_way([outcome.action.name for outcome in session.outcomes])
        try:
            session.memory.keep()
        except (sqlite3.Error, OSError) as error:
            session.situation.session.event("memory_not_kept", reason=str(error))

    def analysis(self) -> dict[str, Any]:
        """``prompt_variations``: the template of this session and what came of it."""
        session = self._playing()
        prompt, tally = session.prompt, session.tally
        variation = {
            "name": prompt.name,
            "version": prompt.version,
            "sha256": prompt.sha256,
            "model": self.model,
            "success": session.succeeded if session.situation.task else None,
            "steps": len(session.outcomes),
            "answers": tally.answers,
            "cached": tally.cached,
            "requests": tally.attempts,
            "repaired": tally.repaired,
            "asked_again": tally.asked_again,
            "refused": tally.refused,
            "tokens": tally.tokens,
            "cost": tally.cost,
        }
        return {"prompt_variations": {"variations": [variation]}}

    def close(self) -> None:
        """End the connections to the server."""
        self._endpoint.close()

    def _playing(self) -> _Session:
        if self._session is None:
            raise PlayerError("the chat player was asked for an action before a session began")
        return self._session

    def _messages(self, session: _Session, view: View) -> Messages:
        situation, prompt = session.situation, session.prompt
        if isinstance(prompt, TrainedPrompt):
            return prompt.messages(situation, view, self._picture(view, UPSCALE))
        values = {
            "game": situation.game.name,
            "goal": situation.words,
            "actions": described(session.names),
            "answer_format": reply_format(session.names),
            "observation": view.observation or "nothing",
            "previous_actions": _previous(session, view),
            "step": str(view.step),
            "max_steps": str(view.max_steps),
            "warning": f"Careful: {view.warning}." if view.warning else "",
            "notes": session.memory.notes(),
            "lessons": session.memory.lessons(),
        }
        return prompt.messages(values, self._picture(view, self._upscale))

    def _picture(self, view: View, upscale: int) -> str | None:
        if not self._pictures:
            return None
        return data_url(mask_image(view.screenshot, self._hidden), upscale)

    def _decision(
        self, session: _Session, reply: Reply | Refusal, reasons: list[str], tally: _Tally
    ) -> Decision:
        facts: dict[str, Any] = {
            "prompt": str(session.prompt),
            "cost": tally.cost,
            "cached": tally.cached == tally.answers,
            "attempts": tally.attempts,
        }
        tally.asked_again = tally.answers - 1
        if tally.asked_again:
            facts["asked_again"] = reasons[: tally.asked_again]
        tokens = tally.tokens or None
        if isinstance(reply, Reply):
            if reply.repaired:
                tally.repaired = facts["repaired"] = 1
            return Decision(reply.action, reply.reasoning, reply.expected_outcome, tokens, facts)
        if WAIT not in session.names:
            raise PlayerError(
                f"{self.model} gave no answer that {session.situation.game.name} can play "
                f"({reply.reason}); try another model or prompt"
            )
        tally.refused = 1
        facts["refused"] = reply.reason
        return Decision(Action(WAIT), tokens=tokens, facts=facts)


def _account(header: SessionHeader) -> str:
    """Who pays: a batch with all its sessions, else the session."""
    batch = header.metadata.get("batch")
    name = batch.get("name") if isinstance(batch, dict) else batch
    return f"batch {name}" if name else f"session {header.id}"


def _schema(session: _Session) -> dict[str, Any]:
    if isinstance(session.prompt, TrainedPrompt):
        return session.prompt.schema(session.names)
    return reply_schema(session.names)


def _read(completion: Completion, names: tuple[str, ...]) -> Reply | Refusal:
    if completion.parsed is None:
        return Refusal(completion.refused)
    return read_reply(completion.parsed, names, repaired=completion.repaired)


def _asked_again(messages: Messages, answer: str, reason: str) -> Messages:
    """The conversation so far, with what was wrong about the last answer."""
    said = answer[:_LONGEST_ECHO].strip() or "(nothing)"
    return [
        *messages,
        {"role": "assistant", "content": said},
        {
            "role": "user",
            "content": f"That cannot be played: {reason}. Answer again, with one JSON object and "
            "nothing else.",
        },
    ]


def _previous(session: _Session, view: View) -> str:
    vain = {outcome.step for outcome in session.outcomes if not outcome.effect}
    numbered = list(enumerate(view.previous_actions, 1))[-SHOWN_ACTIONS:]
    lines = [
        f"{number}. {action}{' (nothing changed)' if number in vain else ''}"
        for number, action in numbered
    ]
    return "\n".join(lines) or "nothing yet"
