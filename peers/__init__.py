"""Rival implementations of the contract: one folder each, tuned as their own experts would."""
