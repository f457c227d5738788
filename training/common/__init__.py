"""What all commands of `training` share: data files in, typed records out; journals, options, progress."""
