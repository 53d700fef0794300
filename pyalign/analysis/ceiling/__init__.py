"""How well the answers of people predict those of other people."""
