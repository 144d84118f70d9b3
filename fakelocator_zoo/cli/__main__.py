"""`python -m fakelocator_zoo.cli`."""

from fakelocator_zoo.cli import main

main()
