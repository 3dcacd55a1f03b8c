"""The words of the market: types, times, trading sessions, rules, messages.  No driver, no I/O."""
