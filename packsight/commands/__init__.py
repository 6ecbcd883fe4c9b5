"""The commands of `packsight`, one module each, named as they are called (with _ for -).

A command is a module (or a package, where it has commands of its own) with
``add_arguments(parser)`` and ``run(args) -> exit code``, and a line in ``packsight.cli.COMMANDS``.
It is imported to parse, so it imports only light modules at its top: `packsight COMMAND --help`
answers at once. A help text is a phrase that stands alone, lower case, without a full stop.
"""
