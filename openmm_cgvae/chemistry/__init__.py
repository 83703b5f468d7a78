"""The atoms behind the beads, from names and order."""
