"""What spark-submit runs: ``spark-submit --master … experiments/spark/submit.py --data … --out …``.

Its options are those of ``python -m experiments.score``; the engine is Spark.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # spark-submit puts the folder of this file first; the project's is two above it.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from experiments.score import main
    from experiments.spark.session import SPARK

    main([*sys.argv[1:], "--engine", SPARK])
