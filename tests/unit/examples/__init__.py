"""How to extend the project, as tests that are read as documentation: one file a kind of extension."""
