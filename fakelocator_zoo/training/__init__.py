"""Training: recipes, a plain task (the loss of one batch) and the Lightning loop over it."""
