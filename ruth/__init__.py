"""Ruth: what is known and decided about frames. No process, thread, sleep, signal or fork lives here.

One folder is one failure domain or one border of SPEC.md: ``vas`` writes an export, ``export`` reads one,
``subscription`` and ``agent`` decide, ``core`` knows which agent exists. Processes are in ``launch``.
"""

__version__ = "0.1.0"
