"""A fake of the broker, for tests and demonstrations: Kite's REST and its binary socket."""
