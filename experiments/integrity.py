"""Check every file of a registered model against its digest."""

from experiments.registry.verification import main

if __name__ == "__main__":
    main()
