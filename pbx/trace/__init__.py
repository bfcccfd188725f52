"""The trace: every SIP message of the last hours, without its secrets, in a ring of files; and its reading."""
