"""The lip-sync engine: real mouths of the same person, chosen by speech, warped to the shape that speech needs."""
