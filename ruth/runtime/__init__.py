"""Model runtime (docs/commands/README.md): how a process of somebody else's gets its frames.

The reader's side, in the process of whoever runs a model. It pulls, read-only, and nobody knows of it.
"""
