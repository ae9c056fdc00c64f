"""Trust reports: what a store says about some time, for people who ask whether the service can be relied on.

`await report(reader, wanted)` makes one (`collect.py`), `render_html`, `render_markdown` and `Report.shown` write it.
"""
