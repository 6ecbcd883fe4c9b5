"""Tables as the papers lay them out; each layout is one file, ``registry`` lists them."""
