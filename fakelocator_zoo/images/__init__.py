"""Image files and folders of them, read and written in one way."""
