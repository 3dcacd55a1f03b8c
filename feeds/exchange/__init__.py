"""Live trades of exchanges: one adapter a file, over one shared base."""
