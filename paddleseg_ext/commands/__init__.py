"""The commands train, val, predict and export: flags in, rooms called."""
