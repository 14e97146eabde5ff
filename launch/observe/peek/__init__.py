"""``ruth peek``: one look at a camera's newest frame, in the terminal or as a PNG. Reads only."""
