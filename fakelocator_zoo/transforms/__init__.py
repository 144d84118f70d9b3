"""Changes of images: regions, fakeness maps, augmentation, degradations."""
