"""Interactive voice response: the room for flow graphs; a number that leads here is not in service yet."""
