"""What a notebook shows of a handle.

Belongs here: HTML made from frozen views, and the ipywidgets that show it live.
Never here: what a job is, how it runs, or text for a terminal (that is `cnai_sdk.text`). Nothing
outside this package imports ipywidgets, and only `live` does so here.
"""
