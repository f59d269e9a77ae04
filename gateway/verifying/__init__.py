"""`gnomon journal verify`: do the files alone prove that nothing was lost, and what was."""
