"""Evaluation: how well a model calls tools and answers, on which cases, and against which other."""
