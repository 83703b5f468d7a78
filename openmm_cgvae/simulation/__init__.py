"""All that makes a trajectory: reference runs, molecule sets, coarse-grained runs."""
