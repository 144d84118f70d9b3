"""Torch modules only: no files, no training."""
