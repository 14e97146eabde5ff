"""Completion for shells, written from the parser of each verb: what a verb takes is said there alone."""
