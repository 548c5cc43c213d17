"""The peers' scripts run in environments of their own: nothing of theirs can be imported here."""

collect_ignore_glob = ["loop_*.py"]
