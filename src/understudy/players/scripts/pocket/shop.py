"""Goals at the shop's counter: looking at the goods, buying, selling."""

from __future__ import annotations

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import Goal
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import answer_yes, choose, go_back, set_number
from understudy.players.scripts.pocket.walking import TalkTo

_BUY, _SELL = 0, 1
_AT_THE_COUNTER = ("shop_menu", "shop_buy", "shop_sell", "quantity")
_GOODS = [*(facts.label("item", item) for item in facts.GOODS), "BACK"]


class AtTheCounter(Goal):
    """Being in the list behind an entry of the shop's menu."""

    def __init__(self, aim: str, entry: int) -> None:
        self._aim = aim
        self._entry = entry
        self._talk = TalkTo("clerk", lambda now: now.mode in _AT_THE_COUNTER, aim)

    def next(self, now: Now) -> Move | None:
        move = self._talk.next(now)
        if move is not None:
            return move
        if now.mode == "shop_menu":
            then = "The list opens."
            return choose(now, facts.COUNTER, self._entry, f"to {self._aim}", then)
        wanted = "shop_sell" if self._entry == _SELL else "shop_buy"
        return None if now.mode == wanted else go_back(now, self._aim)


class GoodsSeen(Goal):
    """The list of goods is on the screen; with ``to``, as far down as this item."""

    def __init__(self, aim: str, to: str = "") -> None:
        self._aim = aim
        self._counter = AtTheCounter(aim, _BUY)
        self._to = facts.GOODS.index(to) if to else 0

    def next(self, now: Now) -> Move | None:
        move = self._counter.next(now)
        if move is not None or now["list_top"] + facts.ROWS_OF_A_LIST > self._to:
            return move
        return choose(now, _GOODS, self._to, f"to {self._aim}", "The list shows more of the goods.")


class Buy(Goal):
    """Having so many of an item, bought at the shop."""

    def __init__(self, item: str, count: int) -> None:
        self._item = item
        self._count = count
        self._name = facts.label("item", item)
        self._aim = f"buy {self._name}"
        self._counter = AtTheCounter(self._aim, _BUY)

    def next(self, now: Now) -> Move | None:
        lacking = self._count - now.count(self._item)
        if lacking <= 0:
            return None
        most = max(1, min(facts.MOST_AT_ONCE, now["money"] // facts.PRICES[self._item]))
        ours = now["chosen_item"] == self._item
        if now.mode == "quantity" and now.title == "BUY" and ours:
            return set_number(now, min(lacking, most), most, self._name)
        asked = now.mode == "yes_no" and now.said.endswith("Do you buy?")
        if asked and ours and now["quantity"] <= lacking:
            return answer_yes(now, f"to {self._aim}", "The clerk hands it over.")
        move = self._counter.next(now)
        if move is not None:
            return move
        index = facts.GOODS.index(self._item)
        return choose(now, _GOODS, index, f"to {self._aim}", "The box asks how many.")


class Sell(Goal):
    """Having only so many of an item left, the others sold at the shop."""

    def __init__(self, item: str, left: int) -> None:
        self._item = item
        self._left = left
        self._name = facts.label("item", item)
        self._aim = f"sell {self._name}"
        self._counter = AtTheCounter(self._aim, _SELL)

    def next(self, now: Now) -> Move | None:
        count = now.count(self._item)
        if count <= self._left:
            return None
        ours = now["chosen_item"] == self._item
        if now.mode == "quantity" and now.title == "SELL" and ours:
            return set_number(now, count - self._left, count, self._name)
        asked = now.mode == "yes_no" and now.said.endswith("Do you sell?")
        if asked and ours and now["quantity"] == count - self._left:
            return answer_yes(now, f"to {self._aim}", "The clerk pays for it.")
        move = self._counter.next(now)
        if move is not None:
            return move
        index = now.bag.index(self._item)
        return choose(now, now.bag_entries, index, f"to {self._aim}", "The box asks how many.")
