"""Turns the content and the art into the C tables that the game is compiled with."""

import tomllib
from pathlib import Path
from typing import Any

from tools import art

HOME = Path(__file__).parents[1]
FIRST_MAP_TILE = 128
TYPES = ["plain", "leaf", "ember", "tide", "stone"]
FACINGS = ["down", "up", "left", "right"]
PICTURE_TILES = 25
LEVELS_NEVER_REACHED = 99


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((HOME / "content" / name).read_text(encoding="utf-8"))


class Content:
    """Everything the tables are written from, with a number for each name."""

    def __init__(self) -> None:
        self.rules = _load("rules.toml")
        self.world = _load("world.toml")
        self.people = _load("people.toml")["people"]
        self.letters = art.read_font(HOME / "art" / "font.txt")
        self.cells = art.Cells(HOME / "art" / "cells.txt", FIRST_MAP_TILE)
        self.sprites, self.people_tiles, self.pickup_tile = art.people_bytes(
            HOME / "art" / "people.txt", HOME / "art" / "people.toml"
        )
        self.pictures = art.creature_bytes(HOME / "art" / "creatures.toml")
        self.maps = self.world["maps"]
        self.texts: list[tuple[str, str]] = []
        for person in self.people:
            self.texts.append((person["id"] + "_first", person["text"]))
            self.texts.append((person["id"] + "_again", person["text_after"]))
        for sign in self.world["signs"]:
            self.texts.append((sign["id"], sign["text"]))
        for trainer in self.rules["trainers"]:
            self.texts.append((trainer["id"] + "_beaten", trainer["beaten"]))
        self.gifts = [p["id"] for p in self.people if p["role"] in ("item", "creature")]

    def names(self) -> dict[str, list[str]]:
        """The identifiers of each enumeration; the first has the number 1, but for maps: 0."""
        return {
            "item": [item["id"] for item in self.rules["items"]],
            "move": [move["id"] for move in self.rules["moves"]],
            "species": [creature["id"] for creature in self.rules["species"]],
            "trainer": [trainer["id"] for trainer in self.rules["trainers"]],
            "map": [place["id"] for place in self.maps],
            "person": [person["id"] for person in self.people],
            "sign": [sign["id"] for sign in self.world["signs"]],
            "pickup": [pickup["id"] for pickup in self.world["pickups"]],
            "gift": self.gifts,
            "text": [name for name, _ in self.texts],
        }

    def number(self, kind: str, name: str) -> int:
        """The number of a name; a name that does not exist is an error of the content."""
        names = self.names()[kind]
        if name not in names:
            raise SystemExit(f"content: there is no {kind} named {name!r}")
        return names.index(name) + (0 if kind == "map" else 1)

    def place(self, where: list[Any]) -> str:
        """A map's number and the coordinates on it, as C."""
        return f"{self.number('map', where[0])}, {where[1]}, {where[2]}"

    def warps(self) -> list[tuple[list[Any], list[Any]]]:
        """Every cell that leads elsewhere, with where it leads."""
        found = []
        for door in self.world["warps"]:
            outside = [door["from"][0], door["from"][1], door["from"][2] + 1]
            found.append((door["from"], door["to"]))
            found.append((door["back"], outside))
        for road in self.world["roads"]:
            found += zip(road["from"], road["to"], strict=True)
        return found


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _bytes(name: str, data: bytes) -> str:
    lines = [
        "    " + " ".join(f"{byte}," for byte in data[start : start + 24])
        for start in range(0, len(data), 24)
    ]
    return f"const u8 {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def _four(numbers: list[int], filling: int = 0) -> str:
    return "{" + ", ".join(str(n) for n in (numbers + [filling] * 4)[:4]) + "}"


def _table(kind: str, name: str, rows: list[str], empty: str | None = None) -> str:
    if empty is not None:
        rows = [empty, *rows]
    return f"const {kind} {name}[] = {{\n" + "".join(f"    {row},\n" for row in rows) + "};\n"


def header(content: Content) -> str:
    """The numbers that the source uses by name."""
    start = content.rules["start"]
    species = {
        name: content.number("species", start[name])
        for name in ("species", "title_left", "title_right")
    }
    values = {
        "FONT_BYTES": 96 * 8,
        "INTERFACE_TILES": len(art.interface_bytes(HOME / "art" / "interface.txt")) // 16,
        "PEOPLE_TILES": len(content.people_tiles) // 16,
        "PICKUP_TILE": content.pickup_tile,
        "MAP_TILES": len(content.cells.tiles),
        "PICTURE_TILES": PICTURE_TILES,
        "PEOPLE": len(content.people) + 1,
        "SIGNS": len(content.world["signs"]) + 1,
        "PICKUPS": len(content.world["pickups"]) + 1,
        "WARPS": len(content.warps()) + 1,
        "SHOP_GOODS": len(start["shop"]),
        "FIRST_BAG": len(start["bag"]),
        "START_MAP": content.number("map", start["map"]),
        "START_X": start["x"],
        "START_Y": start["y"],
        "START_REST_MAP": content.number("map", start["rest_map"]),
        "START_MONEY": start["money"],
        "START_SPECIES": species["species"],
        "START_LEVEL": start["level"],
        "GIFT_LEVEL": start["gift_level"],
        "TITLE_LEFT": species["title_left"],
        "TITLE_RIGHT": species["title_right"],
    }
    if values["MAP_TILES"] > 128 or values["PEOPLE_TILES"] > 128:
        raise SystemExit(f"art: too many tiles: {values['MAP_TILES']}, {values['PEOPLE_TILES']}")
    lines = [f"#define {name} {value}\n" for name, value in values.items()]
    return "#ifndef CONTENT_H\n#define CONTENT_H\n\n" + "".join(lines) + "\n#endif\n"


def _rules(content: Content) -> list[str]:
    rules = content.rules
    number = content.number
    items = [
        f"{{{_text(i['name'])}, USE_{i['use']}, {i.get('power', 0)}, {i.get('price', 0)}, {int(i.get('key', False))}}}"
        for i in rules["items"]
    ]
    moves = [
        f"{{{_text(m['name'])}, {TYPES.index(m['type'])}, {m.get('power', 0)}, {m.get('accuracy', 100)},"
        f" {m['pp']}, EFFECT_{m.get('effect', 'NONE')}, {m.get('chance', 0)}}}"
        for m in rules["moves"]
    ]
    species = [
        f"{{{_text(s['name'])}, {TYPES.index(s['type'])}, {', '.join(map(str, s['stats']))},"
        f" {s['catch_rate']}, {s['exp']}, {_four([number('move', m) for m, _ in s['moves']])},"
        f" {_four([level for _, level in s['moves']], LEVELS_NEVER_REACHED)}, picture_{s['id']}}}"
        for s in rules["species"]
    ]
    trainers = []
    for t in rules["trainers"]:
        kinds = [number("species", kind) for kind, _ in t["team"]] + [0] * 3
        levels = [level for _, level in t["team"]] + [0] * 3
        trainers.append(
            f"{{{_text(t['name'])}, {t['reward']}, {t.get('badge', 0)},"
            f" {number('text', t['id'] + '_beaten')}, {len(t['team'])},"
            f" {{{', '.join(map(str, kinds[:3]))}}}, {{{', '.join(map(str, levels[:3]))}}}}}"
        )
    nothing = '""'
    start = rules["start"]
    return [
        *(f"static {_bytes('picture_' + name, data)}" for name, data in content.pictures.items()),
        _table("item_info_t", "items", items, f"{{{nothing}, 0, 0, 0, 0}}"),
        _table("move_info_t", "moves", moves, f"{{{nothing}, 0, 0, 0, 0, 0, 0}}"),
        _table(
            "species_info_t",
            "species",
            species,
            f"{{{nothing}, 0, 0, 0, 0, 0, 0, 0, {{0}}, {{0}}, 0}}",
        ),
        _table("trainer_info_t", "trainers", trainers, f"{{{nothing}, 0, 0, 0, 0, {{0}}, {{0}}}}"),
        _table(
            "slot_t", "shop_goods", [f"{{{number('item', name)}, 1}}" for name in start["shop"]]
        ),
        _table(
            "slot_t",
            "first_bag",
            [f"{{{number('item', name)}, {count}}}" for name, count in start["bag"]],
        ),
    ]


def _world(content: Content) -> list[str]:
    number = content.number
    parts, maps = [], []
    for place in content.maps:
        rows = place["cells"].rstrip("\n").split("\n")
        if len({len(row) for row in rows}) != 1:
            raise SystemExit(f"content: the rows of {place['id']} differ in length")
        data = bytes(content.cells.letters[letter] for row in rows for letter in row)
        parts.append("static " + _bytes("cells_" + place["id"], data))
        low, high = place.get("levels", [1, 1])
        wild = [number("species", name) for name in place.get("wild", [])]
        maps.append(
            f"{{{_text(place['name'])}, {len(rows[0])}, {len(rows)}, cells_{place['id']},"
            f" {content.cells.letters[place['border']]}, {place.get('encounters', 0)},"
            f" {int(place.get('cave', False))}, {_four(wild)}, {low}, {high - low + 1}}}"
        )
    people = []
    for person in content.people:
        role, detail = person["role"], 0
        if role in ("item", "creature", "trainer"):
            detail = number(
                {"item": "item", "creature": "species", "trainer": "trainer"}[role],
                person["detail"],
            )
        gift = number("gift", person["id"]) if person["id"] in content.gifts else 0
        name = {"nurse": "healer"}.get(role, role).upper()
        people.append(
            f"{{{_text(person['name'])}, {content.place(person['at'])}, {FACINGS.index(person['facing'])},"
            f" {content.sprites.index(person['sprite'])}, ROLE_{name}, {detail}, {gift},"
            f" {number('text', person['id'] + '_first')}, {number('text', person['id'] + '_again')}}}"
        )
    return [
        *parts,
        _table("map_info_t", "maps", maps),
        _table(
            "warp_info_t",
            "warps",
            [f"{{{content.place(a)}, {content.place(b)}}}" for a, b in content.warps()],
            "{255, 0, 0, 255, 0, 0}",
        ),
        _table("person_info_t", "people", people, '{"", 255, 0, 0, 0, 0, 0, 0, 0, 0, 0}'),
        _table(
            "sign_info_t",
            "signs",
            [
                f"{{{content.place(s['at'])}, {number('text', s['id'])}}}"
                for s in content.world["signs"]
            ],
            "{255, 0, 0, 0}",
        ),
        _table(
            "pickup_info_t",
            "pickups",
            [
                f"{{{content.place(p['at'])}, {number('item', p['item'])}}}"
                for p in content.world["pickups"]
            ],
            "{255, 0, 0, 0}",
        ),
        _table("char *const", "texts", ['""', *(_text(text) for _, text in content.texts)]),
    ]


def tables(content: Content) -> str:
    """All tables as one C file."""
    return "\n".join(
        [
            '#include "tables.h"\n',
            _bytes("font", art.font_bytes(content.letters)),
            _bytes("interface_tiles", art.interface_bytes(HOME / "art" / "interface.txt")),
            _bytes("people_tiles", content.people_tiles),
            _bytes("logo_tiles", art.logo_bytes(content.letters, "POCKET")),
            _bytes("map_tiles", b"".join(content.cells.tiles)),
            _bytes("cell_tiles", bytes(content.cells.numbers)),
            _bytes("cell_kinds", bytes(content.cells.kinds)),
            *_rules(content),
            *_world(content),
        ]
    )
