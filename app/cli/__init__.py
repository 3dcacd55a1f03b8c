"""Commands of `tickdeck`, a file a group; `common` is what they share."""
