"""The C library, libruth: attaching and publishing for C, C++, Rust and whatever calls C.

``python -m ruth.native --cflags --libs`` says how to compile and link with it. Offsets, constants and rules
come from the modules that explain them in Python (docs/decisions/0046-c-library.md).
"""
