"""Readers of real photos and of pairs, one file a layout."""
