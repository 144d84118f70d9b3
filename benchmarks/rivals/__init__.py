"""Other detectors: networks that are trained here, and adapters for systems from outside."""
