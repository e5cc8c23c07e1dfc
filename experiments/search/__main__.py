"""``python -m experiments.search``: search for segments, track every trial, register the best."""

from experiments.search.workflow import main

if __name__ == "__main__":
    main()
