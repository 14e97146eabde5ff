"""The stand-in video server and its FFmpegs, tapped where they decode. With it exports end: agents idle."""
