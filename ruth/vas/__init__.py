"""VAS kernel side (docs/specification.md, phases 1 and 2): the only code that writes an export.

Importing this package imports neither numpy nor mmap nor the ring; :func:`ruth.vas.exporter.open_exporter`
does, and only when the flag is on.
"""
