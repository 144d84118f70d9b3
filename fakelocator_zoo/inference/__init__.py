"""From a photo to a map: read it, find its faces, score them, paste the maps back, draw them."""
