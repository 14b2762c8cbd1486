"""The demonstration: a conversation and ten agent runs, each from play to training data."""

from understudy.pipeline.demo.demonstration import Demonstration, Stage, demonstrate

__all__ = ["Demonstration", "Stage", "demonstrate"]
