"""What all tabs share: what is loaded once (`service`), a run of the agent, the database, text as HTML."""
