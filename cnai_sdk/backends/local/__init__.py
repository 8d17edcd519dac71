"""Workloads as processes on this machine.

Belongs here: everything between a Spec and real processes on Linux. Never here: capture,
waiting, rendering, verdicts.

One job is a folder, a supervisor process and its ranks:

    submit → folder + row in the index → supervisor (forked by the warm template, or started)
           → waits its turn → ranks → log, metrics, record → end

`folder`, `index`, `logbook`  what is written down
`template`, `launch`          how a supervisor comes to be
`supervisor`, `ranks`, `tree` what happens while it runs
`turns`, `machine`            who may run now
`reaper`                      what happens when a supervisor was killed
`backend`                     the protocol over all of it
"""
