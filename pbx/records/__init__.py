"""The records process: takes the spool into the database and answers questions about history."""
