"""What every room needs to run: files written whole, plug-ins, threads."""
