"""Scenarios made from the house rules: any number, by seed, in many wordings."""
