"""What pages are made of, whoever shows them: HTML from values, and plots as SVG. Text in, text out."""
