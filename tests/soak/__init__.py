"""What goes wrong on a bad day, done on purpose: few times in `make test`, many in `make soak`."""
