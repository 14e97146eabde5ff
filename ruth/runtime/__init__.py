"""Model runtime (docs/commands/README.md): how a model's process gets its frames.

The reader's side, in the process that runs a model. It pulls, read-only, and no other process knows of it.
"""
