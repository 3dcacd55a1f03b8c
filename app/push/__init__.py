"""What viewers get and ask for: messages, the frame clock, ways to a viewer."""
