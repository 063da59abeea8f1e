"""Training programs; nothing here is imported by the product at run time."""
