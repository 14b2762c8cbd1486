"""What a recipe says, and reading it: unknown keys and wrong values are named with their place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from understudy.errors import NewerSchemaError, SettingsError

SCHEMA = 1
PACKAGED = Path(__file__).parents[2] / "recipes"
"""The recipes that come with the package."""


R = TypeVar("R", bound=BaseModel)


def _as_tuple(value: Any) -> Any:
    """TOML has arrays where strict validation wants a tuple."""
    return tuple(value) if isinstance(value, list) else value


Fractions = Annotated[tuple[float, float, float], BeforeValidator(_as_tuple)]
"""The shares of train, validation and test."""


class Part(BaseModel):
    """A table of a recipe: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Captured(Part):
    """Which captured chats are learned from beside the scenarios."""

    game: str | None = None
    player: str | None = None
    tags: list[str] = []
    min_score: float | None = Field(default=7.0, description="None takes all.")
    score_source: Literal["human", "auto", "any"] = "human"


class Data(Part):
    """What the model learns from."""

    scenarios: list[str] = ["packaged"]
    """Files or folders beside the recipe; `packaged` are those of the package."""
    casts: int = Field(default=1, gt=0)
    """How many times each of them is learned, from the second time on with other heroes."""
    as_written: bool = True
    """Whether the first time is as it was written; else that has other heroes too."""
    generated: int = Field(default=0, ge=0)
    seed: int = Field(default=1, ge=0)
    turns: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    captured: Captured | None = None
    splits: Fractions = (0.8, 0.1, 0.1)


class Train(Part):
    """How it is trained; `settings` are those of `understudy train`."""

    base: str = "embedded"
    settings: dict[str, Any] = {}
    budget_minutes: float | None = Field(default=None, gt=0)


class Validate(Part):
    """How the model is measured, and what it has to reach."""

    limit: int = Field(default=500, gt=0)
    """Scored cases of a set, at most."""
    sets: list[str] = []
    reach: dict[str, float] = {}
    """Set → the share that the tuned model has to reach; below it, nothing is deployed."""
    most_lost: float = Field(default=0.03, ge=0, le=1)
    """How much of any set quantising may cost."""


class Convert(Part):
    """What becomes of the weights."""

    quantization: str = "q4_k_m"


class Deploy(Part):
    """Where the model goes."""

    target: str = "gguf-mobile"
    name: str = ""
    app: str = ""
    """The folder of an app beside the recipe that gets a copy; empty: none."""
    sampling: dict[str, Any] = {}
    force: bool = False
    """Whether a model that did not pass is deployed too; its manifest then says so."""


class Recipe(Part):
    """A whole line."""

    schema_version: int = Field(alias="schema", ge=1)
    name: str = Field(min_length=1)
    """Of the model."""
    words: str = ""
    data: Data = Data()
    train: Train = Train()
    validate_: Validate = Field(default=Validate(), alias="validate")
    convert: Convert = Convert()
    deploy: Deploy = Deploy()


def find_recipe(named: str) -> Path:
    """The file of the recipe: a path, else the name of one that comes with the package."""
    path = Path(named)
    if path.is_file():
        return path
    packaged = PACKAGED / f"{path.stem}.toml"
    if packaged.is_file():
        return packaged
    known = ", ".join(sorted(file.stem for file in PACKAGED.glob("*.toml")))
    raise SettingsError(
        f"there is no recipe {named}; name a file, or one of those that come with Understudy: "
        f"{known}"
    )


def read_recipe(path: Path) -> Recipe:
    """The recipe in ``path``. Raises SettingsError with the key that is wrong, or what the TOML is
    not, and NewerSchemaError for a file of a later version.
    """
    return checked(path, recipe_table(path), Recipe)


def is_agent_recipe(table: dict[str, Any]) -> bool:
    """Whether a recipe is that of an agent: it says what is to be played."""
    return "collect" in table


def recipe_table(path: Path) -> dict[str, Any]:
    """What stands in the TOML of a recipe. Raises as `read_recipe`, but for keys."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"{path} cannot be read ({reason})") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; mend that place") from error
    schema = data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerSchemaError(
            f"{path} has schema {schema} and this Understudy knows up to {SCHEMA}; update "
            "Understudy to use it"
        )
    return data


def checked(path: Path, data: dict[str, Any], kind: type[R]) -> R:
    """``data`` from the file ``path`` as a recipe of this kind."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise SettingsError(f"{path}: the key `{key}` is unknown") from error
        if problem["type"] == "missing":
            raise SettingsError(f"{path}: the key `{key}` is missing") from error
        said = problem["msg"].removeprefix("Input should be ")
        told = f"must be {said}" if said != problem["msg"] else f"is wrong: {said}"
        raise SettingsError(f"{path}: `{key}` {told}") from error
