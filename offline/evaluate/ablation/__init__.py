"""What every stage contributes: one part switched at a time, everything else as it was."""
