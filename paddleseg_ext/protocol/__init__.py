"""From an image to a label map by a published test protocol."""
