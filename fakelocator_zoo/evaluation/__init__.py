"""Scores over folders of real and manipulated images, with intervals."""
