"""What alcli costs, beside what a user would run without it. `python -m tests.benchmark [NAME ...]` measures.

Every figure comes from whole processes: CPU seconds (user and system) and peak resident memory as the
kernel counts them, medians of several runs, the peer's runs between alcli's. The processor is shared with
others, so ratios from one run of the benchmark mean more than its seconds, and seconds of CPU more than
those of the clock. This package imports nothing heavy itself: a child's peak memory starts from its parent's.
"""
