"""The tavern: a game in words around a Dungeon Master, who may be a language model or a script.

The adventurer says something; the Dungeon Master answers and calls tools; the rules carry the calls
out and give the results back, until the Dungeon Master calls nothing more. Where the party goes is
the adventurer's decision; everything else at the table changes by the Dungeon Master's calls alone.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import zstandard

from understudy.chat.record import Message
from understudy.chat.scenarios.scenario import Fact, Scenario
from understudy.chat.tools.bracket import without_calls
from understudy.config import GamesSettings
from understudy.errors import GameError
from understudy.games.builtin.tavern.content import FILE, content, tasks
from understudy.games.builtin.tavern.master import DungeonMaster
from understudy.games.builtin.tavern.model_master import ModelMaster
from understudy.games.builtin.tavern.rules import carry_out
from understudy.games.builtin.tavern.scripted_master import ScriptedMaster
from understudy.games.builtin.tavern.table import Table
from understudy.games.builtin.tavern.understanding import destination
from understudy.games.game import SAY, Action, Game
from understudy.games.task import Progress, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_SAID = 400
"""Letters of what an adventurer says at once; what is longer is cut."""
LONGEST_TOLD = 6000
"""Letters of what the game tells of one exchange."""
MOST_ROUNDS = 8
"""How often the Dungeon Master speaks in one exchange, results of its calls in between."""
HISTORY = 12
"""Messages before the adventurer's that the Dungeon Master is shown."""
_LETTERS = string.ascii_letters + string.digits + string.punctuation + " \n" + "–—’‘“”…éèüöäß"


class _Snapshot(msgspec.Struct, kw_only=True):
    game: str
    table: Table
    chance: tuple[int, tuple[int, ...], float | None]
    seed: int
    master: str
    master_state: dict[str, Any]
    history: list[Message]
    told: str
    progress: dict[str, Any] | None


class TavernGame(Game):
    """A Gymnasium environment with texts for actions and observations.

    Its Dungeon Master is scripted until `take_model` gives the part to a language model. ``info``
    of ``step`` has ``chats``: every exchange with the Dungeon Master, as it took place.
    """

    name = "tavern"
    model_part = "Dungeon Master"
    open_words = content().open_words

    def __init__(
        self,
        *,
        settings: GamesSettings | None = None,
        master: DungeonMaster | None = None,
        render_mode: Literal["rgb_array"] | None = "rgb_array",
    ) -> None:
        from gymnasium import spaces

        self.render_mode = render_mode
        self.action_space = spaces.Text(LONGEST_SAID, min_length=0, charset=_LETTERS)
        self.observation_space: spaces.Space[Any] = spaces.Text(
            LONGEST_TOLD, min_length=0, charset=_LETTERS
        )
        self._content = content()
        self._scripted = master or ScriptedMaster()
        self._master: DungeonMaster = self._scripted
        self._table = self._content.new_table()
        self._chance = random.Random(0)
        self._seed = 0
        self._history: list[Message] = []
        self._told = ""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of ``tavern.toml``."""
        return tasks()

    @property
    def action_names(self) -> tuple[str, ...]:
        """One: to say something."""
        return (SAY,)

    def take_model(self, name: str, answer: Callable[[list[Message]], str] | None) -> None:
        """Let ``answer`` speak for the Dungeon Master from the next ``reset`` on."""
        self._master = self._scripted if answer is None else ModelMaster(name, answer)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """A new evening: the table as it always begins, or as the task wants it."""
        super().reset(seed=seed)
        for key in options or {}:
            if key != "task":
                raise GameError(f"{key!r} is no option of {self.name}; there is: task")
        task = self._task_for(options)
        self._seed = int(self.np_random.integers(0, 2**31))
        self._chance = random.Random(self._seed)
        self._table = self._content.new_table()
        for line in task.setup if task else ():
            self._set_up(line)
        self._master.begin(self._seed)
        self._history = []
        self._told = self._first_view()
        self._begin(task)
        return self._observation(), {"task": task.id if task else "", "success": False}

    def step(self, action: Action | str | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One exchange; GameError for what is no action of this game."""
        chosen = self.as_action(action)
        said = " ".join(chosen.text.split())[:LONGEST_SAID]
        chats: list[dict[str, Any]] = []
        if said:
            self._table.turns += 1
            self._table.place = destination(said, self._content) or self._table.place
            self._told = self._exchange(said, chats)
        reward, over, info = self._judge(chosen)
        return self._observation(), reward, over, False, info | {"chats": chats}

    def screenshot(self) -> NDArray[np.uint8]:
        """`describe`, written on a page."""
        from understudy.games.builtin.tavern.picture import page

        return page(f"{self._content.title}: {self._table.place}", self.describe())

    def memory(self) -> dict[str, Any]:
        """The table: place, party, foes, and what the dice have brought."""
        return self._table.memory()

    def describe(self) -> str:
        """What was told last, and the party sheet."""
        heroes = []
        for hero in self._table.party:
            states = "".join(f", {one}" for one in hero.conditions)
            slots = "".join(f", {n} slots of level {level}" for level, n in hero.slots.items())
            items = ", ".join(hero.items) or "nothing"
            heroes.append(f"{hero.sheet().line}{states}{slots}: {items}")
        return "\n".join((self._told, "", *heroes))

    def identity(self) -> dict[str, str]:
        """The hash of the game's content, and who the Dungeon Master is."""
        import xxhash

        return {
            "content": xxhash.xxh3_64_hexdigest(FILE.read_bytes()),
            "dungeon_master": self._master.name,
        }

    def snapshot(self) -> bytes:
        """The table, the dice, the last messages, and what the Dungeon Master keeps in mind."""
        version, numbers, gauss = self._chance.getstate()
        packed = msgspec.msgpack.encode(
            _Snapshot(
                game=self.name,
                table=self._table,
                chance=(version, numbers, gauss),
                seed=self._seed,
                master=self._master.name,
                master_state=self._master.state(),
                history=self._history,
                told=self._told,
                progress=self._progress.state() if self._progress else None,
            )
        )
        return zstandard.ZstdCompressor(level=1).compress(packed)

    def restore(self, snapshot: bytes) -> None:
        """Go on from ``snapshot``."""
        try:
            packed = zstandard.ZstdDecompressor().decompress(snapshot)
            found = msgspec.msgpack.decode(packed, type=_Snapshot)
        except (zstandard.ZstdError, msgspec.MsgspecError) as error:
            raise GameError(
                f"this is no snapshot of {self.name} ({error}); take one with `snapshot`"
            ) from error
        if found.master != self._master.name:
            raise GameError(
                f"this snapshot was taken with the Dungeon Master {found.master!r}, not with "
                f"{self._master.name!r}; play with the same"
            )
        self._table = found.table
        self._chance.setstate(found.chance)
        self._seed = found.seed
        self._master.restore(found.master_state)
        self._history = found.history
        self._told = found.told
        self._progress = None
        if found.progress is not None:
            task = self.find_task(found.progress["task"])
            self._progress = Progress.from_state(task, found.progress)
            self._next_task = task

    def _exchange(self, said: str, chats: list[dict[str, Any]]) -> str:
        """What comes of the adventurer's words, in words; the exchanges go to ``chats``."""
        self._history.append({"role": "user", "content": said})
        told = [f"> {said}"]
        for _ in range(MOST_ROUNDS):
            messages = [{"role": "system", "content": self.prompt()}, *self._shown()]
            answer = self._master.answer(messages, self._table)
            response = {"role": "assistant", "content": answer}
            chats.append({"messages": messages, "response": response, "model": self._master.name})
            self._history.append(response)
            told.append(without_calls(answer))
            lines = carry_out(self._table, answer, self._chance)
            if not lines:
                break
            told += [f"  {line}" for line in lines]
            self._history.append({"role": "tool", "content": "\n".join(lines)})
        del self._history[: -2 * HISTORY]
        return "\n".join(line for line in told if line.strip())

    def prompt(self) -> str:
        """What the Dungeon Master is told of the table as it is now."""
        table, place = self._table, self._content.place(self._table.place)
        facts = [Fact("", f"The player speaks for {table.speaker}.")]
        if place.people:
            facts.append(Fact("People", place.people))
        if place.for_sale:
            facts.append(Fact("For sale", ", ".join(place.for_sale)))
        if place.things:
            facts.append(Fact("To take", ", ".join(place.things)))
        foes = [
            f"{foe.name} (HP: {foe.hp}/{foe.max_hp}, AC {foe.armour_class}, {foe.attack})"
            for foe in table.foes_here()
        ]
        if foes:
            facts.append(Fact("Foes", "; ".join(foes)))
            facts.append(
                Fact("Weapons", "; ".join(f"{one.name} {one.attack}" for one in table.party))
            )
        return Scenario(
            world=self._content.world,
            location=place.name.title(),
            party=tuple(hero.sheet() for hero in table.party),
            facts=tuple(facts),
        ).prompt()

    def _shown(self) -> list[Message]:
        """The last messages, from words of the adventurer's on, and always the latest of these."""
        history = self._history
        said = [number for number, one in enumerate(history) if one["role"] == "user"]
        first = next((n for n in said if n >= len(history) - HISTORY - 1), said[-1])
        return [dict(message) for message in history[first:]]

    def _set_up(self, line: str) -> None:
        """One line of a task's setup: calls, or ``condition NAME CONDITION``, or ``place NAME``."""
        verb, _, rest = line.partition(" ")
        if verb == "place":
            self._table.place = self._content.place(rest).name
        elif verb == "condition":
            name, _, condition = rest.partition(" ")
            hero = self._table.hero(name)
            if hero is not None:
                hero.put(condition)
        else:
            carry_out(self._table, line, self._chance)
        self._table.fallen = 0

    def _first_view(self) -> str:
        place = self._content.place(self._table.place)
        people = f" There is {place.people}." if place.people else ""
        return f"{place.words}{people}"

    def _observation(self) -> str:
        kept = (letter if letter in _LETTERS else "?" for letter in self._told)
        return "".join(kept)[:LONGEST_TOLD]
