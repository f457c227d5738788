"""Does revision help, and because of what? Items in, the answers of several arms, their grades and a report out."""
