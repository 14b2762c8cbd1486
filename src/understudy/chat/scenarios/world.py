"""The small world that the generated scenarios and the embedded base model share.

Some names, items and spells are held out: the base model knows the words, but no scenario for
training uses them, so that validation can ask whether a model copies what it was told or repeats
what it has seen. Made-up names are put together of syllables, no two alike by chance; those with a
syllable that is set aside belong to validation alone.
"""

from __future__ import annotations

import random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(entry.split()) for entry in text.split(","))


NAMES = _words(
    """
    Mira Borin Elara Thordak Kael Lyra Garrick Sela Orin Vex Dara Finn Gwen Hilda Isolde Jorun Kira
    Leif Marlo Nadia Osric Petra Quill Rowan Sigrid Tamsin Ulric Vala Wren Xara Yorick Zara Aldric
    Brenna Cedric Delia Edda Fenwick Greta Hector Inga Jasper Kara Lorenz Merric Nora Olaf Pia Rurik
    Sylva Theron Una Viktor Willa Yara Zoltan Arwin Bella Corin Dagny Elric Freya Gideon Hanna Ivar
    Jorah Katla Linnea Magnus Nils Odessa Perrin Runa Silas Tilda Ursa Verity Wulf Ysolde Zeph Alina
    Bram Cassia Drogan Emeric Faye Gorm Helga Idris Jenna Korrin Lucan Maeve Neve Orla Pascal Rhea
    Soren Talia Umber Varis Wynn Bruna Calder Dorian Esme Falk Gilda Horst Imke Joris
    """
)
HELD_OUT_NAMES = _words(
    """
    Astrid Balin Ciara Durnan Eskil Fiora Gunnar Hesper Ilsa Jarek Kestrel Lothar Morwen Niamh
    Oswin Phaedra Ragnar Senna Torben Ulla Valdis Wendel Yvaine Zelda Anselm Brida Casimir Dietmar
    Elowen Fergus Galena Haldor
    """
)

RACES = (
    "Human",
    "Elf",
    "Dwarf",
    "Halfling",
    "Gnome",
    "Half-Elf",
    "Half-Orc",
    "Tiefling",
    "Dragonborn",
)
CLASSES = _words(
    "Fighter Wizard Rogue Cleric Ranger Bard Paladin Druid Monk Sorcerer Warlock Barbarian"
)

ITEMS = _listed(
    """
    rope, lantern, torch, dagger, longsword, shortsword, shield, hand axe, warhammer, longbow,
    quiver, crossbow, spear, mace, quarterstaff, healing potion, antidote, tinderbox, crowbar,
    grappling hook, bedroll, waterskin, spellbook, holy symbol, silver ring, ruby, emerald, map,
    letter, iron key, brass key, lockpick, cloak, boots, helmet, gauntlet, amulet, lute, flute,
    chalk, mirror, bell, candle, blanket, cheese, bread, apple, fishing net, shovel, pickaxe,
    hammer, chain, sack, scroll, crystal ball, skull, feather, whistle, bandage, honey jar, wine
    bottle, tent, saddle, signet ring, coin purse, silver dagger, oil flask, herb bundle, bone
    dice, green cloak
    """
)
HELD_OUT_ITEMS = _listed(
    """
    scimitar, trident, hourglass, drum, telescope, diamond, sapphire, black pearl, silver
    mirror, wooden shield, iron helmet, goblet, copper key, mandolin, ladder, sickle, ink
    bottle, wool blanket, wand, harp, crown, silver whistle
    """
)

SPELLS: dict[str, int] = {
    "fire bolt": 0, "mage hand": 0, "sacred flame": 0, "guidance": 0, "ray of frost": 0,
    "minor illusion": 0, "magic missile": 1, "bless": 1, "cure wounds": 1, "healing word": 1,
    "thunderwave": 1, "burning hands": 1, "charm person": 1, "detect magic": 1, "feather fall": 1,
    "mage armor": 1, "fog cloud": 1, "faerie fire": 1, "entangle": 1, "disguise self": 1,
    "misty step": 2, "invisibility": 2, "hold person": 2, "scorching ray": 2, "shatter": 2,
    "mirror image": 2, "spiritual weapon": 2, "levitate": 2, "moonbeam": 2, "spike growth": 2,
    "fireball": 3, "lightning bolt": 3, "haste": 3, "counterspell": 3, "dispel magic": 3,
    "hypnotic pattern": 3, "spirit guardians": 3, "banishment": 4, "polymorph": 4,
    "dimension door": 4, "ice storm": 4, "wall of fire": 4, "cone of cold": 5, "hold monster": 5,
    "flame strike": 5,
}  # fmt: skip
HELD_OUT_SPELLS: dict[str, int] = {
    "guiding bolt": 1, "sanctuary": 1, "hex": 1, "flaming sphere": 2, "silence": 2,
    "gust of wind": 2, "call lightning": 3, "sleet storm": 3, "stoneskin": 4, "blight": 4,
    "cloudkill": 5, "wall of stone": 5,
}  # fmt: skip

SKILLS = (
    "perception", "investigation", "stealth", "persuasion", "deception", "intimidation", "insight",
    "athletics", "acrobatics", "sleight of hand", "arcana", "history", "nature", "survival",
    "medicine",
)  # fmt: skip
SAVES = ("dexterity", "constitution", "strength", "wisdom")

WORLDS = (
    "Forgotten Realms", "Vale of Ash", "Northern Marches", "Isles of Salt", "Kingdom of Aldmoor",
    "Sunken Coast", "Iron Hills", "Emerald Wood", "Free Cities", "Shattered Crown",
)  # fmt: skip
LOCATIONS = (
    "Tavern", "Old Mill", "Harbour", "Market Square", "Ruined Tower", "Goblin Cave", "Crypt",
    "Castle Gate", "Forest Road", "Mountain Pass", "Sewers", "Library", "Temple", "Swamp",
    "Abandoned Mine", "Throne Room", "Wizard's Study", "Graveyard", "Ship's Deck", "Village Green",
)  # fmt: skip

_STARTS = _words(
    """
    Al Be Bra Ca Cor Da Dre El Fa Fen Ga Gri Ha Hol Il Ja Ka Kre La Lo Mal Me Na Nor O Pel Qua
    Ra Ro Sa Ser Ta Tho Tri Ul Va Vel Wi Xa Ya Za Bo Du Ke Mo Ne Ri Su Vo
    """
)
_MIDDLES = _words(
    """
    ba bri da dor el fa gra ha il ka la lin ma mir na nor ra ri ro sa sha ta tha ti va vi wen za
    lo mo ge be du ne
    """
)
_ENDS = _words(
    """
    dan dor gan goth ian iel kar la lin mar mund nak nia ra ric rin sa tas thas ven vik wyn xis
    zar bo den fel ny rus mon
    """
)
_HELD_OUT_STARTS = _words("Bry Cha Dwo Fli Glo Hre Ju Kly Mu Oph Pra Sku Ty Vy Wo Zi")
_HELD_OUT_ENDS = _words(
    """
    bek dro fas gil hesh jon lux mok pha quor rell sk tav urn vash wick
    """
)


def made_up_name(rng: random.Random, *, held_out: bool = False) -> str:
    """A name that nobody wrote down; held-out ones start and end as no other made-up name does."""
    starts, ends = (_HELD_OUT_STARTS, _HELD_OUT_ENDS) if held_out else (_STARTS, _ENDS)
    middle = rng.choice(_MIDDLES) if rng.random() < 0.7 else ""
    return rng.choice(starts) + middle + rng.choice(ends)


def is_held_out(name: str) -> bool:
    """Whether a made-up name has the beginning or the end of those that are held out."""
    return name.startswith(_HELD_OUT_STARTS) or name.endswith(_HELD_OUT_ENDS)
