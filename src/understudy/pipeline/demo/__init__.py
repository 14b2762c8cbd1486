"""The demonstration: the whole line, from play to models that play, on a table and a game."""

from understudy.pipeline.demo.demonstration import Demonstration, Stage, demonstrate

__all__ = ["Demonstration", "Stage", "demonstrate"]
