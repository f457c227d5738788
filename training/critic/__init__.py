"""Teaching the critic which principles belong to a question, and measuring it."""
