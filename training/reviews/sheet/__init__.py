"""The rubric review as a spreadsheet: drafts → an .xlsx file to work in → signed reviews.

`written` makes it, `reading` takes it back, `kept` is what it carries unseen so that no other file is needed. What a
row belongs to is told by ids in a hidden column: rows may be sorted, deleted and added.
"""
