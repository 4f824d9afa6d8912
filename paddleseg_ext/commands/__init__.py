"""The commands train, val, predict and export. Each reads its flags and calls the other rooms."""
