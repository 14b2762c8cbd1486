"""Every setting of a workspace, what it means, and reading them from ``understudy.toml``.

The documentation's page of settings and the commented file of a new workspace are both made from
the descriptions here.
"""

from __future__ import annotations

import json
import textwrap
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from understudy.errors import NewerSchemaError, SettingsError

SETTINGS_SCHEMA = 1
SETTINGS_FILE = "understudy.toml"

_KINDS_OF_VALUES = {
    "model_type": "a section with keys of its own",
    "string_type": "text in quotes",
    "list_type": "a list in [ ]",
    "tuple_type": "a list in [ ]",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}

NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Region = tuple[NotNegative, NotNegative, Positive, Positive]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class RecordSettings(_Section):
    """How sessions are written while they are played."""

    durability: Literal["step", "interval"] = Field(
        default="step",
        description="When a step or a chat counts as stored: `step` waits until it has reached the "
        "disk, `interval` collects what arrives and brings it to the disk together.",
    )
    interval_s: float = Field(
        default=1.0,
        gt=0,
        le=3600,
        description="Seconds between two writes with `interval` durability.",
    )
    frame_flush_s: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="At most this many seconds of frames are lost when the process is killed.",
    )
    frame_buffer_mb: float = Field(
        default=32,
        gt=0,
        le=65536,
        description="Megabytes of frames that may wait for a slow disk before `when_full` applies.",
    )
    when_full: Literal["drop", "wait"] = Field(
        default="drop",
        description="What happens to a frame that finds the buffer full: `drop` counts it as "
        "dropped and never slows the game, `wait` holds the game until there is room.",
    )


class MaskSettings(_Section):
    """What is blackened before it reaches the disk."""

    enabled: bool = Field(
        default=True,
        description="Replace secrets and personal data by their kind, such as `[EMAIL]`. "
        "Credentials in request headers are never stored, whatever stands here.",
    )
    kinds: list[str] | None = Field(
        default=None,
        description="The kinds that are looked for; all of them when the key is absent.",
        examples=[["EMAIL", "API_KEY"]],
    )
    words: list[str] = Field(
        default_factory=list,
        description="Words of your own that become `[WORD]`: names of players, of a company.",
    )
    image_regions: list[Region] = Field(
        default_factory=list,
        description="Rectangles `[x, y, width, height]` in pixels that are blackened in every "
        "picture.",
    )


class ProxySettings(_Section):
    """`understudy proxy`."""

    max_body_mb: float = Field(
        default=64,
        gt=0,
        le=65536,
        description="Requests with a larger body, in megabytes, are answered with status 413.",
    )
    upstream_timeout_s: float = Field(
        default=600,
        gt=0,
        description="Seconds without a byte from the model server after which a call is given up.",
    )
    idle_session_s: float = Field(
        default=600, gt=0, description="Seconds without a call after which a session is sealed."
    )


class CatalogSettings(_Section):
    """The index of the sessions. The directories are the truth; this can be rebuilt from them."""

    url: str = Field(
        default="",
        description="Empty: an SQLite file `catalog.sqlite` in the workspace. Else a database, "
        "such as `postgresql://user:password@host/name` (needs the extra `postgres`); each "
        "workspace needs a database or schema of its own.",
    )


class RetentionSettings(_Section):
    """What `understudy session archive --by-rules` puts away: nothing, unless a key is set here."""

    archive_after_days: float | None = Field(
        default=None,
        ge=0,
        description="Sessions that ended more than this many days ago are packed into the archive.",
        examples=[90],
    )
    keep_total_gb: float | None = Field(
        default=None,
        ge=0,
        description="While the sessions in `runs/` take more gigabytes than this, the oldest are "
        "packed into the archive.",
        examples=[50],
    )
    forget_below_score: float | None = Field(
        default=None,
        description="Sessions whose human score is below this are forgotten for good; sessions "
        "that nobody scored stay.",
        examples=[3],
    )


class DiskSettings(_Section):
    """Watching the disk."""

    warn_free_gb: float = Field(
        default=2.0,
        ge=0,
        description="`understudy doctor` and a recording warn when fewer gigabytes are free.",
    )


class GamesSettings(_Section):
    """What games made of a ROM run on."""

    emulator: Literal["pyboy", "skyemu"] = Field(
        default="pyboy",
        description="`pyboy` runs inside this process; `skyemu` is a SkyEmu that somebody has "
        "started with its HTTP control server on this machine.",
    )
    skyemu_url: str = Field(
        default="http://localhost:8080",
        description='Where SkyEmu listens, with `emulator = "skyemu"`.',
    )


class ChatSettings(_Section):
    """The model server behind `--player chat` and behind the judge of `understudy score`."""

    base_url: str = Field(
        default="",
        description="The address of an OpenAI-compatible server, up to and with its `/v1`. Empty: "
        "what `OPENAI_BASE_URL` says, else OpenAI's own.",
        examples=["http://localhost:8000/v1"],
    )
    model: str = Field(
        default="", description="The model that is asked where `--model` names none."
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        min_length=1,
        description="The environment variable that holds the key. The key itself is stored "
        "nowhere; a server of your own needs none.",
    )
    prompt: list[str] = Field(
        default_factory=lambda: ["play"],
        min_length=1,
        description="The prompts: `NAME` (its newest version), `NAME.vN`, or the path of a file "
        "`NAME.vN.md`. Names are looked up in `prompts/` of the workspace first. `trained` asks in "
        "the words in which models are trained on datasets of sessions. Of several, each session "
        "takes one by its seed.",
    )
    pictures: bool = Field(
        default=True,
        description="Whether the picture of the screen is sent. Without it a model knows what the "
        "game tells of its state in words.",
    )
    reasoning: bool = Field(
        default=True,
        description="With the prompt `trained`, whether the answer explains its action, or is the "
        "action alone: as the model was trained.",
    )
    structured: Literal["auto", "json_schema", "json_object", "none"] = Field(
        default="auto",
        description="How the server is asked to answer in JSON. `auto` asks with a schema and "
        "falls back where the server refuses that.",
    )
    upscale: int = Field(
        default=3,
        ge=1,
        le=8,
        description="Screenshots are sent this many times as large, but not beyond 1024 pixels a "
        "side: models read small screens badly.",
    )
    remember: bool = Field(
        default=True,
        description="Whether what was learned in a session is told in later ones of the same game.",
    )
    max_output_tokens: int = Field(
        default=2048, gt=0, description="The most tokens of one answer, thinking included."
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="The sampling temperature; the server's own when the key is absent.",
        examples=[0.7],
    )
    timeout_s: float = Field(
        default=120, gt=0, description="Seconds without a byte after which an attempt is given up."
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=100,
        description="How often a call is tried in all when the server is busy, fails or does not "
        "answer.",
    )
    backoff_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Seconds before the second attempt, doubled for each further one. A "
        "`Retry-After` of the server goes before.",
    )
    requests_per_minute: float = Field(
        default=0,
        ge=0,
        description="The most requests a minute, over all workers of a batch; 0: no limit.",
    )
    price_input_per_million: float = Field(
        default=0, ge=0, description="What a million tokens sent cost, in your currency."
    )
    price_output_per_million: float = Field(
        default=0, ge=0, description="What a million tokens answered cost."
    )
    spend_limit: float | None = Field(
        default=None,
        ge=0,
        description="What one session, or one batch with all its workers, may cost by these "
        "prices. No further call is made once that is reached.",
        examples=[2.5],
    )
    cache: bool = Field(
        default=True,
        description="Whether a question that was asked before, to the letter and the pixel, is "
        "answered from disk. Where answers vary, only sessions of the same seed share them.",
    )


class ValidationSettings(_Section):
    """What a model has to reach in `understudy validate`."""

    reach: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="The least share of right answers of the trained model, by validation set. "
        "Nothing is asked for where this is empty.",
        examples=[{"combinations": 0.97, "no_call": 0.97}],
    )
    most_lost: float = Field(
        default=0.03,
        ge=0,
        le=1,
        description="How much of any set quantising may cost.",
    )


class Settings(_Section):
    """The settings of one workspace; every key has a default."""

    schema_version: int = Field(
        default=SETTINGS_SCHEMA,
        alias="schema",
        ge=1,
        description="The version of this file's layout.",
    )
    record: RecordSettings = Field(default_factory=RecordSettings)
    mask: MaskSettings = Field(default_factory=MaskSettings)
    proxy: ProxySettings = Field(default_factory=ProxySettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    disk: DiskSettings = Field(default_factory=DiskSettings)
    games: GamesSettings = Field(default_factory=GamesSettings)
    chat: ChatSettings = Field(default_factory=ChatSettings)
    validation: ValidationSettings = Field(default_factory=ValidationSettings)


def load_settings(path: Path) -> Settings:
    """The settings in the TOML file ``path``; the defaults where the file does not exist.

    Raises SettingsError naming the file, the key and what is allowed, and NewerSchemaError for a
    file of a later version.
    """
    try:
        # Editors on Windows put a byte order mark in front, which TOML does not know.
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except FileNotFoundError:
        return Settings()
    except IsADirectoryError as error:
        raise SettingsError(
            f"{path} is a folder where the settings file belongs; move it away"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"{path} cannot be read ({reason}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Beside TOMLDecodeError: numbers of thousands of digits, nesting without end.
        raise SettingsError(f"{path} is not valid TOML: {error}; mend that place") from error
    schema = data.get("schema")
    if isinstance(schema, int) and schema > SETTINGS_SCHEMA:
        raise NewerSchemaError(
            f"{path} has schema {schema} and this Understudy knows up to {SETTINGS_SCHEMA}; update "
            "Understudy to use it"
        )
    try:
        return Settings.model_validate(_regions_as_tuples(data))
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from error


def default_toml() -> str:
    """The file a new workspace begins with: every key, its meaning and its default."""
    lines = [
        "# Settings of this Understudy workspace. A key that is commented out has the value shown.",
        f"schema = {SETTINGS_SCHEMA}",
    ]
    for section, model in sections():
        lines += ["", *_comment(model.__doc__ or ""), f"[{section}]"]
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True)
            lines += ["", *_comment(field.description or "")]
            if default is None:
                example = json.dumps((field.examples or [""])[0], ensure_ascii=False)
                lines += [f"# Not set; for example: {name} = {example}"]
            else:
                lines += [f"# {name} = {json.dumps(default, ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"


def sections() -> list[tuple[str, type[BaseModel]]]:
    """The name and model of every section, in the order of the file."""
    return [
        (name, field.annotation)
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 98, initial_indent="# ", subsequent_indent="# ")


def _regions_as_tuples(data: dict[str, Any]) -> dict[str, Any]:
    """TOML has arrays where strict validation wants the fixed-length tuple of a region."""
    mask = data.get("mask")
    if not isinstance(mask, dict) or not isinstance(mask.get("image_regions"), list):
        return data
    regions = [tuple(r) if isinstance(r, list) else r for r in mask["image_regions"]]
    return data | {"mask": mask | {"image_regions": regions}}


def _explain(error: ValidationError) -> str:
    """The first thing that is wrong, as half a sentence; how many more there are behind it."""
    problems = error.errors(include_url=False, include_context=True, include_input=False)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _explain_one(problems[0]) + more


def _explain_one(problem: ErrorDetails) -> str:
    place = [str(part) for part in problem["loc"]]
    key = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]
    ).removeprefix(".")
    if problem["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        where = f"in [{'.'.join(place[:-1])}]" if place[:-1] else "at the top of the file"
        return f"the key `{place[-1]}` {where} is unknown; known there: {', '.join(known)}"
    if problem["type"] in _KINDS_OF_VALUES:
        return f"`{key}` must be {_KINDS_OF_VALUES[problem['type']]}"
    message = problem["msg"].removeprefix("Input should be ")
    if message == problem["msg"]:
        return f"`{key}` is wrong: {message[:1].lower()}{message[1:]}"
    return f"`{key}` must be {message}"


def _known_keys(place: list[str]) -> list[str]:
    model: type[BaseModel] = dict(sections())[place[0]] if place else Settings
    return [field.alias or name for name, field in model.model_fields.items()]
