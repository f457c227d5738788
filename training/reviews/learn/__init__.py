"""What clinicians' reviews teach: signed reviews → what was changed, who agrees, and better wording for principles.

`signed` reads the reviews, `corrections` counts by principle, `wording` and `rewriting` find better words (by what
reviewers share, and by a model), `proposal` makes them a diff of the library, `report` tells all of it.
"""
