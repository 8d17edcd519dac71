"""What a backend keeps of a job's run, in files: the log, the reports, and the frames they come by.

Belongs here: what every backend that keeps a record needs. Never here: how a job is run, or where.
"""
