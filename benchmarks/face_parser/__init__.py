"""Training and measuring face parsers, the small networks that tell skin, hair and mouth apart."""
