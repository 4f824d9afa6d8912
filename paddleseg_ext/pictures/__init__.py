"""Images and videos in; label maps, overlays and legends out."""
