"""What a scenario of the corpus must keep: sums, sheets, schemas, and the house rules.

Everything is recomputed from the text alone; each fault is a sentence with its file and line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from understudy.chat.scenarios.house_rules import DEFAULT_DC, SAVES, deeds_told
from understudy.chat.scenarios.scenario import PartyMember, Scenario
from understudy.chat.scenarios.world import SPELLS
from understudy.chat.tools.bracket import canonical_turn, read_brackets, without_calls
from understudy.chat.tools.dice import parse_dice
from understudy.chat.tools.registry import Call
from understudy.chat.tools.results import (
    RollResult,
    health_changed,
    inventory_changed,
    parse_result,
    rolled,
    spell_cast,
)
from understudy.formats.scenario_markdown import ScenarioFile

HIT_DICE = {
    "Barbarian": 12, "Fighter": 10, "Paladin": 10, "Ranger": 10, "Bard": 8, "Cleric": 8,
    "Druid": 8, "Monk": 8, "Rogue": 8, "Warlock": 8, "Sorcerer": 6, "Wizard": 6,
}  # fmt: skip
FULL_CASTERS = {"Bard", "Cleric", "Druid", "Sorcerer", "Wizard"}
HALF_CASTERS = {"Paladin", "Ranger"}
FULL_SLOTS = {
    1: (2,), 2: (3,), 3: (4, 2), 4: (4, 3), 5: (4, 3, 2), 6: (4, 3, 3), 7: (4, 3, 3, 1),
    8: (4, 3, 3, 2), 9: (4, 3, 3, 3, 1), 10: (4, 3, 3, 3, 2),
}  # fmt: skip
_NUMBER = re.compile(r"\d+")
_DICE = re.compile(r"\d*d\d+(?:(?:kh|kl)\d+)?(?:\s*[+-]\s*\d+)?")
_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5,
    "cantrip": 0,
}  # fmt: skip


_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_SPOKEN = {word: number for number, word in enumerate(_UNITS)}
_SPOKEN |= {
    tens + ("-" + unit if unit else ""): 20 + 10 * place + number
    for place, tens in enumerate(("twenty", "thirty"))
    for number, unit in enumerate(("", *_UNITS[1:10]))
}
_NUMBER_WORD = "|".join(sorted(_SPOKEN, key=len, reverse=True))
_SAID = re.compile(rf"({_NUMBER_WORD})(?: and ({_NUMBER_WORD}))?[.,:]")


def faults(file: ScenarioFile) -> list[str]:
    """Everything that is wrong with a scenario of the corpus."""
    return [*_sheet_faults(file), *_Play(file).faults()]


def unfounded(file: ScenarioFile) -> list[str]:
    """The calls that do not follow from the player's words, a result or the facts alone."""
    found: list[str] = []
    asked = result = ""
    facts = " ".join(fact.line for fact in file.scenario.facts)
    for number, turn in enumerate(file.scenario.turns):
        where = f"{file.path}, line {file.lines[number]}"
        if turn.speaker == "user":
            asked, result = turn.text, ""
        elif turn.speaker == "tool":
            result = turn.results[-1]
        for call in turn.calls():
            found += [f"{where}: {why}" for why in _unfounded(call, f"{asked} {facts}", result)]
    return found


def _unfounded(call: Call, asked: str, result: str) -> Iterator[str]:
    arguments = call.arguments
    if call.tool == "save":
        told = re.findall(r"DC (\d+)", asked)
        if str(arguments["dc"]) not in (told or [str(DEFAULT_DC)]):
            yield f"the player told DC {told}, not {arguments['dc']}"
    elif call.tool == "roll":
        dice = parse_dice(str(arguments["dice_expression"]))
        spoken = {str(parse_dice(found)) for found in _DICE.findall(asked)}
        attack = str(dice).startswith("1d20") and f"{dice.constant:+d}" in asked
        if str(dice) not in spoken and not attack:
            yield f"the player did not tell {dice}"
    elif call.tool == "health":
        total = getattr(parse_result(result), "total", None) if result else None
        if abs(int(arguments["modifier"])) not in _numbers_in(asked) | {total}:
            yield f"neither the player nor the dice told {arguments['modifier']}"
    elif call.tool in ("inventory", "spellcast"):
        name = "item" if call.tool == "inventory" else "spell"
        if str(arguments[name]).lower() not in asked.lower():
            yield f"the player did not name {arguments[name]}"


def shared_runs(some: set[tuple[str, ...]], others: set[tuple[str, ...]]) -> set[str]:
    return {" ".join(run) for run in some & others}


def runs_of_words(scenario: Scenario, length: int) -> set[tuple[str, ...]]:
    """Every sequence of ``length`` words in the turns of a scenario."""
    runs: set[tuple[str, ...]] = set()
    for turn in scenario.turns:
        words = re.findall(r"[\w'-]+", turn.text.lower())
        runs.update(tuple(words[at : at + length]) for at in range(len(words) - length + 1))
    return runs


def _sheet_faults(file: ScenarioFile) -> Iterator[str]:
    scenario = file.scenario
    for what in ("role", "world", "location"):
        if not getattr(scenario, what):
            yield f"{file.path}: it has no {what}"
    for member in scenario.party:
        die = HIT_DICE.get(member.class_name)
        if die is None:
            yield f"{file.path}: {member.name} is of the unknown class {member.class_name}"
            continue
        fewest = die - 1 + (member.level - 1) * (die // 2)
        most = die + 5 + (member.level - 1) * (die + 5)
        if not 1 <= member.level <= 20 or not fewest <= member.most_hit_points <= most:
            yield f"{file.path}: {member.line} is implausible ({fewest} to {most} hit points)"
        if not 0 <= member.hit_points <= member.most_hit_points:
            yield f"{file.path}: {member.name} has more hit points than there are"
    turns = sum(turn.speaker == "dm" for turn in scenario.turns)
    if not 4 <= turns <= 10:
        yield f"{file.path}: it has {turns} turns of the Dungeon Master"


class _Play:
    """Plays a scenario through and notes what does not fit."""

    def __init__(self, file: ScenarioFile) -> None:
        self.file = file
        self.scenario = file.scenario
        self.party = {member.name: member for member in self.scenario.party}
        self.hit_points = {name: member.hit_points for name, member in self.party.items()}
        self.modifiers: dict[tuple[str, str, str], int] = {}
        self.slots: dict[str, Counter[int]] = {name: Counter() for name in self.party}
        self.told = " ".join(fact.line for fact in self.scenario.facts)
        self.found: list[str] = []

    def faults(self) -> list[str]:
        turns = self.scenario.turns
        asked = ""
        for number, turn in enumerate(turns):
            self.line = self.file.lines[number]
            before = turns[number - 1].speaker if number else None
            self.totals: list[int] = []
            if before == "tool":
                results = map(parse_result, turns[number - 1].results)
                self.totals = [one.total for one in results if isinstance(one, RollResult)]
                if all(call.tool != "health" for call in turns[number - 2].calls()):
                    self._outcome(turn.text)
            if turn.speaker == "user":
                asked = turn.text
            elif turn.speaker == "dm":
                after = turns[number + 1] if number + 1 < len(turns) else None
                self._dm_turn(turn.text, asked, after.speaker if after else None)
            elif before != "dm":
                self._fault("results stand here without a call")
            else:
                self._results(turns[number - 1].calls(), turn.results)
            if turn.speaker == before:
                self._fault(f"{turn.speaker} speaks twice in a row")
            self.told += f"\n{without_calls(turn.text)}"
        if turns[-1].speaker != "dm" or turns[-1].calls():
            self._fault("the scenario does not end in words of the Dungeon Master")
        return self.found

    def _dm_turn(self, text: str, asked: str, after: str | None) -> None:
        reading = read_brackets(text)
        if reading.malformed or reading.unknown or reading.asides:
            self._fault(f"brackets that are no calls: {text}")
        if text != canonical_turn(text):
            self._fault(f"a call is not in its canonical spelling: {text}")
        calls = [placed.call for placed in reading.calls]
        if bool(calls) != (after == "tool"):
            self._fault("calls and results do not go together")
        words = without_calls(text)
        for call in calls:
            self._named(call, words)
            self._follows(call, f"{asked}\n{words}", words)

    def _named(self, call: Call, text: str) -> None:
        who = call.arguments.get("character")
        if who is None or who in self.party:
            return
        if who == "player":
            if self.party:
                self._fault("a call says player although the party has names")
        elif str(who).lower() not in f"{self.told}\n{text}".lower():
            self._fault(f"{who} is in a call and was never introduced")
        elif call.tool in ("inventory", "check"):
            self._fault(f"{who} is no hero and has a {call.tool}")

    def _follows(self, call: Call, now: str, text: str) -> None:
        """Whether what the call holds was told, and the rule that asks for it applies."""
        told = f"{self.told}\n{text}"
        if call.tool == "check":
            deeds = deeds_told(now)
            if deeds and call.arguments["ability"] not in deeds:
                self._fault(f"{call.arguments['ability']} where {sorted(deeds)} are told: {now!r}")
        elif call.tool == "save":
            dangers = deeds_told(now, SAVES)
            if dangers and call.arguments["type"] not in dangers:
                self._fault(f"{call.arguments['type']} where {sorted(dangers)} threaten: {now!r}")
            dc = call.arguments["dc"]
            if dc != DEFAULT_DC and f"DC {dc}" not in told:
                self._fault(f"DC {dc} was never told")
        elif call.tool == "roll":
            dice = parse_dice(str(call.arguments["dice_expression"]))
            spoken = {str(parse_dice(found)) for found in _DICE.findall(told)}
            attack = str(dice).startswith("1d20") and f"{dice.constant:+d}" in told
            if str(dice) not in spoken and not attack:
                self._fault(f"{dice} was never told")
        elif call.tool == "health":
            number = abs(int(call.arguments["modifier"]))
            if number not in _numbers_in(now) | set(self.totals):
                self._fault(f"the number {call.arguments['modifier']} was never told")
        elif call.tool == "inventory":
            item = str(call.arguments["item"])
            if item.lower() not in told.lower():
                self._fault(f"{item} was never told")
        elif call.tool == "spellcast":
            self._spell(call, now)

    def _spell(self, call: Call, now: str) -> None:
        spell, level = str(call.arguments["spell"]), int(call.arguments["level"])
        own = SPELLS.get(spell)
        if own is None:
            self._fault(f"{spell} is no spell of the small world")
            return
        if level < own or (own == 0) != (level == 0):
            self._fault(f"{spell} is of level {own} and cannot be cast at {level}")
        if spell not in now.lower():
            self._fault(f"{spell} was not told")
        if level != own and level not in _numbers_in(now):
            self._fault(f"the level {level} of {spell} was not told")
        caster = self.party.get(str(call.arguments["character"]))
        if caster is not None and level and "scroll" not in now.lower():
            self._spend_slot(caster, level)

    def _spend_slot(self, caster: PartyMember, level: int) -> None:
        used = self.slots[caster.name]
        used[level] += 1
        if caster.class_name in FULL_CASTERS:
            slots: tuple[int, ...] = FULL_SLOTS[min(caster.level, 10)]
        elif caster.class_name in HALF_CASTERS:
            slots = FULL_SLOTS[(caster.level + 1) // 2] if caster.level > 1 else ()
        elif caster.class_name == "Warlock":
            slots = (2,) * ((min(caster.level, 10) + 1) // 2)
        else:
            slots = ()
        if level > len(slots) or used[level] > slots[level - 1]:
            self._fault(f"{caster.name} has no slot of level {level} left for this spell")

    def _outcome(self, words: str) -> None:
        """Whoever begins by telling what the dice came to must tell it right."""
        said = _SAID.match(words.lower())
        if said and self.totals:
            told = [_SPOKEN[word] for word in said.groups() if word]
            if told != self.totals[: len(told)]:
                self._fault(f"{words[:40]!r} follows the results {self.totals}")

    def _results(self, calls: list[Call], lines: list[str]) -> None:
        if len(calls) != len(lines):
            self._fault(f"{len(calls)} calls have {len(lines)} results")
            return
        for call, line in zip(calls, lines, strict=True):
            expected = self._expected(call, line)
            if expected != line:
                self._fault(f"the result {line!r} should be {expected!r}")

    def _expected(self, call: Call, line: str) -> str:
        """The line that the rules give, taking from ``line`` what only the dice know."""
        if call.tool == "inventory":
            return str(inventory_changed(call))
        if call.tool == "spellcast":
            return str(spell_cast(call))
        result = parse_result(line)
        if not isinstance(result, RollResult) or not result.adds_up:
            return "a result in numbers that adds up"
        if call.tool == "health":
            return self._health(call, result)
        modifier = result.modifiers[0].amount if result.modifiers else 0
        low, high = 1, 20
        if call.tool == "roll":
            low, high = parse_dice(str(call.arguments["dice_expression"])).range()
        else:
            self._modifier(call, modifier)
        if not low <= result.die <= high:
            return f"{result.label} with dice from {low} to {high}"
        return str(rolled(call, result.die, modifier))

    def _health(self, call: Call, result: RollResult) -> str:
        who = str(call.arguments["character"])
        before = self.hit_points.get(who, result.die)
        most = self.party[who].most_hit_points if who in self.party else None
        expected = health_changed(call, before, most)
        self.hit_points[who] = expected.total
        return str(expected)

    def _modifier(self, call: Call, modifier: int) -> None:
        who = str(call.arguments["character"])
        what = str(call.arguments.get("ability") or call.arguments.get("type"))
        standing = self.modifiers.setdefault((who, call.tool, what), modifier)
        if standing != modifier:
            self._fault(f"{who} has {what} {standing:+d} and {modifier:+d}")
        member = self.party.get(who)
        proficiency = 2 + (member.level - 1) // 4 if member else 3
        doubled = 2 if call.tool == "check" else 1
        if not -3 <= modifier <= 5 + doubled * proficiency:
            self._fault(f"{what} {modifier:+d} is implausible for {who}")

    def _fault(self, what: str) -> None:
        self.found.append(f"{self.file.path}, line {self.line}: {what}")


def _numbers_in(text: str) -> set[int]:
    small = text.lower()
    numbers = {int(found) for found in _NUMBER.findall(small)}
    return numbers | {number for word, number in _WORDS.items() if word in small}
