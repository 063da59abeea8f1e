"""Everything that is computed once from the portrait."""
