"""Trust reports: what a store says about some time, for people who ask whether the service can be relied on.

found = await report(reader, WantedReport(since, until, made_at, route))  # collect.py, wanted.py
render_html(found, "en")  # html.py; beside it render_markdown and found.shown()
"""
