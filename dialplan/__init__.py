"""The dialplan: a pure router and the actions that its steps name."""
