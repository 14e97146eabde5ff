"""``ruth peek``: one read of a camera's newest frame, in the terminal or as a PNG. Reads only."""
