"""The command line: `cnai`.

Belongs here: words, options, exit codes and what a terminal shows. Never here: what a verb does,
which is the client's. A module of this package imports at its top only what `cnai --help` needs;
the rest is imported by the command that uses it, so that help and completion answer at once.

`app`         the list of commands, and how errors leave the program
`printing`    text, colours, JSON
`wishes`      the options that `train` and `rerun` share
`names`       jobs by name, and the completion of names
`looking`     jobs, logs, status, events, explain
`acting`      train, rerun, stop, delete
`following`   a job's log until it ends
`settings`    secrets, use
`checking`    doctor
`completing`  completion
"""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process, and exit with its code."""
    from cnai_sdk.cli.app import app

    app()
