"""``python -m experiments``: the same as ``customer-segmentation``."""

from experiments.command_line import main

if __name__ == "__main__":
    main(prog_name="customer-segmentation")
