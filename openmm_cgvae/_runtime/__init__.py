"""What every room needs to run: whole files, run folders, plug-ins, threads."""
