"""The grammar of ``ruth`` and its verbs. Dies with the process that was started; its user notices."""
