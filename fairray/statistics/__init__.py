"""Statistics of records: pure functions of numbers, wherever those came from."""
