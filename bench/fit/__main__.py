"""Fit how chunks are ranked, which sentence answers and how sure to be, and print what was compared.

    python -m bench.fit [--slice FILE] [--dump FILE] [--out FILE] [--seed N]

Reads the two question sets of `docs/retrieval.md`: a slice of SQuAD 2.0's training set, and `bench/questions/` over the
development dump; both files lie beside the checkout unless named, and nothing is fitted where one of them is absent.
With `--out`, the weights of answers and confidence are written there; they are read from `calibration.json` in
`lumina-core/src/lumina_core/answers/`. The ranking's are printed; their home is
`lumina_core.retrieval.scoring.Weights`. As the
other weights are fitted on what that ranking finds, change it first and run this again. Cross-validated throughout by
article, in ten folds. Vectors are kept in the benchmarks' cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench.fit.answers import Told, compare_leads, fit_confidence, lead_choices, tell
from bench.fit.calibration import across_sets, cross_validated, sampled_error, separation
from bench.fit.collect import EVERYTHING, collect
from bench.fit.embedding import RememberingEmbedder
from bench.fit.models import Floats
from bench.fit.ranking import SIGNALS, Row, compare_rankings
from bench.fit.sets import SLICE, beside_the_text, searches
from bench.home import cache_folder
from bench.ingest import DUMP

from lumina_core.answers.confidence import CONFIDENCE_FEATURES, Model
from lumina_core.answers.features import SENTENCE_FEATURES
from lumina_core.drivers.embedders.onnx import OnnxEmbedder

ABOUT = (
    "Fitted by bench/fit on 300 SQuAD 2.0 training questions (10 articles) and our own search queries of "
    "bench/questions over a 2016 Wikipedia excerpt; see docs/retrieval.md."
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slice", type=Path, default=SLICE)
    parser.add_argument("--dump", type=Path, default=DUMP)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    absent = [path for path in (arguments.slice, arguments.dump) if not path.exists()]
    if absent:
        print(f"nothing fitted: {', '.join(map(str, absent))} not found", file=sys.stderr)
        return 1

    cache = cache_folder()
    embedder = RememberingEmbedder(OnnxEmbedder.load(cache / "models", precision="int8"), cache / "fit-vectors.npz")
    found = []
    for name, questions in (("beside", beside_the_text(arguments.slice)), ("searches", searches(arguments.dump))):
        print(f"{name}: {len(questions.cases)} questions, {sum(map(len, questions.chunks))} chunks", file=sys.stderr)
        found.append((name, asyncio.run(collect(questions, embedder, splits=1, seed=arguments.seed))))
        embedder.save()
    embedder.close()

    rows, ranking = compare_rankings(found)
    show("ranking", rows, ("r1", "r5", "r10", "mrr", "nll"))
    print("fitted:", dict(zip(SIGNALS, ranking.round(2).tolist(), strict=True)))

    rows, weights = compare_leads([lead for name, results in found for lead in lead_choices(name, results)])
    show("first sentence", rows, ("hit_first", "nll"))
    lead = dict(zip(SENTENCE_FEATURES, weights.round(3).tolist(), strict=True))

    unsure = Model(lead, dict.fromkeys(CONFIDENCE_FEATURES, 0.0), 0.0)
    told = [one for name, results in found for one in tell(name, results, unsure)]
    for label, confidences in (("cross-validated", cross_validated(told)), ("from the other set", across_sets(told))):
        show_calibration(label, told, confidences)
    final = fit_confidence(told).round(4).tolist()
    fitted = {
        "about": ABOUT,
        "lead": lead,
        "confidence": dict(zip(CONFIDENCE_FEATURES, final[:-1], strict=True)),
        "bias": final[-1],
    }
    text = json.dumps(fitted, indent=2) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text, encoding="utf-8")
    return 0


def show(title: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
    print(f"\n{title:26} {'set':10}" + "".join(f"{column:>11}" for column in columns))
    for label, name, measured in rows:
        values = "".join(f"{measured[column]:11.3f}" if column in measured else " " * 11 for column in columns)
        print(f"{label:26} {name:10}{values}")


def show_calibration(label: str, told: Sequence[Told], confidences: Floats) -> None:
    print(f"\nconfidence, {label}")
    for name in sorted({one.group[0] for one in told}):
        rows = [place for place, one in enumerate(told) if one.group[0] == name]
        own, sure = [told[place] for place in rows], confidences[rows]
        halved = [place for place, one in enumerate(own) if one.round != EVERYTHING]
        right = [own[place].right for place in halved]
        parts = {key: round(value, 3) for key, value in separation(own, sure).items() if value is not None}
        print(f"  {name}: mean {sure[halved].mean():.3f}, right {np.mean(right):.3f}, AUROC {parts}")
        for count in (300, 1000, 2000):
            error = sampled_error(sure[halved], right, count)
            print(f"    ece of {count}: " + ", ".join(f"{key} {value:.3f}" for key, value in error.items()))


if __name__ == "__main__":
    sys.exit(main())
