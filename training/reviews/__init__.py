"""Clinicians' reviews of rubrics, apart from the page that they are made on.

`record` is a review, `lines` its line in a file. `draft` makes what clinicians start from, `sheet` is the same work in
a spreadsheet, `learn` tells what they changed and proposes better wording for the principles behind it.
"""
