"""The subcommands of `packsight`, one module each, named as they are called."""
