"""The market as viewers see it: pure, without I/O and without a clock."""
