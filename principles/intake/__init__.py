"""Libraries of others: what a file of principles says, in the words of this project's schema.

In: a file of any shape, and a mapping where its shape leaves something open. Out: a library, or what to fill in.
"""
