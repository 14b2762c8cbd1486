"""``understudy evaluate PLAYER --env NAME``."""

from __future__ import annotations

import json

import pytest

from understudy.cli.main import main


def test_it_prints_the_return_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["evaluate", "random", "--env", "CartPole-v1", "--episodes", "5", "--seed", "3"]
    assert main([*given, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    low, high = facts["return_ci"]
    assert low <= facts["return"] <= high
    assert (facts["player"], facts["episodes"], facts["seed"]) == ("random", 5, 3)
    assert main(given) == 0
    assert "random" in capsys.readouterr().out


@pytest.mark.parametrize("given", [[], ["--env", "CartPole-v1", "--game", "pocket"]])
def test_either_a_game_or_an_environment_is_named(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "random", *given]) == 2
    assert "either a --game or an --env" in capsys.readouterr().err
