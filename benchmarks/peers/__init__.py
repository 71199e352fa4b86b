"""Other people's libraries, each run by an interpreter of its own: their pins exclude each other.

Nothing here imports the program, and each module only what its own environment has.
"""
