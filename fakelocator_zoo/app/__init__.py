"""The page that `fakelocator serve` opens in a browser (the extra `app`)."""
