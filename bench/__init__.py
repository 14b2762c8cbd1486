"""How fast and how small: ours, the peers and the bare limits on the same work in one run.

`python -m bench` prints the table; docs/benchmarks.md says what each row means. The drivers
(`ours`, `limits`, `peers/*/driver`) run in processes of their own, most in environments of
their own, so this package must import nothing by itself.
"""
