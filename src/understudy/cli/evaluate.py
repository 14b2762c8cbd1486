"""``understudy evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._models import stages
from understudy.cli._output import print_json, print_table

if TYPE_CHECKING:
    from understudy.evaluate.playing import PlayResult, PlayScore


@click.command(cls=Command)
@click.argument("players", nargs=-1, required=True, metavar="PLAYER...")
@click.option("--game", metavar="NAME", help="The game: its name or TOML file.")
@click.option(
    "--env", metavar="NAME",
    help="Instead of a game, an environment of Gymnasium, such as CartPole-v1: the mean return.",
)  # fmt: skip
@click.option(
    "--tasks", metavar="ID,ID…", default="",
    help="The tasks to be played, by their ids. Default: all of the game.",
)  # fmt: skip
@click.option(
    "--episodes", type=click.IntRange(min=1), default=100, show_default=True, metavar="N",
    help="How many sessions each player plays, dealt to the tasks in turn.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=100_001, show_default=True, metavar="N",
    help="The first seed. Sessions to learn from are played with small ones.",
)  # fmt: skip
@click.option(
    "--stumbles", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Let chance take the first N steps, so that no two sessions begin alike.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N",
    help="The step limit. Default: by each task's reference steps and difficulty.",
)  # fmt: skip
@click.option(
    "--keep-sessions", is_flag=True,
    help="Keep what was played in the workspace, with the tag `evaluation`.",
)  # fmt: skip
@json_option
@workspace_option
def evaluate(
    players: tuple[str, ...],
    game: str | None,
    env: str | None,
    tasks: str,
    keep_sessions: bool,
    as_json: bool,
    workspace_path: Path | None,
    **given: Any,
) -> None:
    """Measure how many tasks players complete.

    PLAYER is `script`, `random`, `chat` (the model of the settings), NAME or NAME@v0003 of a model
    of the workspace, `embedded` (the base that ships), or the path of a folder or a .gguf file. A
    model is served by llama.cpp, as it ships where it was converted. All players get the same
    starts; further ones are compared with the first. What a model of the workspace comes to is kept
    in its folder.
    """
    if (game is None) == (env is None):
        raise click.UsageError("Name either a --game or an --env to be played.")
    if env is not None:
        _in_environment(env, players, as_json, given)
        return
    from understudy.pipeline.agent_evaluation import PlayPlan, evaluate_players, keep_results

    named = tuple(name.strip() for name in tasks.split(",") if name.strip())
    plan = PlayPlan(game=game or "", tasks=named, **given)
    with open_workspace(workspace_path) as workspace, stages() as told:
        results = evaluate_players(
            workspace, players, plan, keep_sessions=keep_sessions, progress=told
        )
        keep_results(workspace, results)
    if as_json:
        print_json(results[0] if len(results) == 1 else _compared(results))
    else:
        _print(results)


def _in_environment(
    env: str, players: tuple[str, ...], as_json: bool, given: dict[str, Any]
) -> None:
    from understudy.pipeline.environment_evaluation import evaluate_in

    episodes, seed = given["episodes"], given["seed"]
    with stages() as told:
        results = [
            evaluate_in(env, player, episodes=episodes, seed=seed, progress=told(player))
            for player in players
        ]
    if as_json:
        print_json(results[0] if len(results) == 1 else results)
        return
    rows = [
        (one.player, round(one.returned, 2), "{:.2f} to {:.2f}".format(*one.return_ci))
        for one in results
    ]
    print_table(("Player", "Return", "95 %"), rows)


def _compared(results: list[PlayResult]) -> dict[str, Any]:
    from understudy.evaluate.playing import difference

    against = {result.player: difference(results[0], result) for result in results[1:]}
    return {"players": results, "against": {results[0].player: against}}


def _print(results: list[PlayResult]) -> None:
    from understudy.evaluate.playing import difference

    rows = []
    for result in results:
        rows.append(_row(result.player, "all tasks", result.all))
        rows += [_row("", part, found) for part, found in result.parts.items()]
    heads = ["Player", "Of", "Done", "95 %", "Tasks", "Episodes", "Distinct", "Steps", "Refused"]
    print_table(heads, rows)
    for result in results[1:]:
        found = difference(results[0], result)
        if found is not None:
            click.echo(
                f"{result.player} against {results[0].player}: {_points(found.value)} points "
                f"({_points(found.low)} to {_points(found.high)}), {found.verdict}"
            )


def _row(player: str, part: str, found: PlayScore) -> list[object]:
    low, high = found.success_rate_ci
    return [
        player,
        part,
        f"{found.success_rate:.1%}",
        f"{low:.1%} to {high:.1%}",
        found.tasks,
        found.episodes,
        found.distinct,
        round(found.mean_steps, 1),
        f"{found.refused:.1%}" if found.refused else "",
    ]


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
