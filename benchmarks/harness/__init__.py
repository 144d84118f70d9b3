"""What all tables share: options, resumable cells, predictors, short trainings, reports."""
