"""The networks: architecture and mathematics only. Where weights come from is the business of `flashworld.weights`."""
