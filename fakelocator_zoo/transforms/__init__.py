"""Fakeness maps, masks of regions, augmentation and degradations."""
