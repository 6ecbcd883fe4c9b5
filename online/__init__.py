"""Online: answer photos from a gallery."""
