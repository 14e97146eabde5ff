"""The stand-in VAS: real FFmpeg, tapped at its decode boundary, for the demo and for tests."""
