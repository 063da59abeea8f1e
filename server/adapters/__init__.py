"""Voice-agent frameworks that let their agent have a face: clients of a running server."""
