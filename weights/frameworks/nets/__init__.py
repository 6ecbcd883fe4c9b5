"""Networks written out in torch, where no published package brings them; imported when used."""
