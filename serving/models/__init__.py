"""Models by name: the catalogue, where weights come from, and the folder they are kept in."""
