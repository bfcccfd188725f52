"""SIP (RFC 3261): messages, transactions, dialogs, and the stack that joins them, without clock or socket."""
