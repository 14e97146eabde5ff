"""One module per verb, called as the verb is.

Each module has ``add_options(parser)``, which gives an ``argparse`` parser the verb's options, and
``run(options)``, which does the verb and returns an exit code (:mod:`launch.exits`). What it raises for a
user's mistake, :func:`launch.cli.main.main` turns into a message. To add a verb is to add its module, and
its line in :mod:`launch.cli.verbs`.
"""
