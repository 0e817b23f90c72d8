"""The other engines of the bench: PyTorch and ONNX Runtime, over the same weights and token ids.

Reads one JSON command a line, answers one JSON line each:
    {"engine": "torch" | "onnx", "texts": [[...], ...], "repeat": n}  ->  {"ms": median, "vectors": [...]}
    {"engine": "product", "size": n}                                  ->  {"gflops": best}
"""

import json
import pathlib
import statistics
import sys
import time

THREADS = 2


def main(folder):
    import torch
    from transformers import ModernBertModel

    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    model = ModernBertModel.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32).eval()
    session = onnx_session(torch, model, pathlib.Path(folder) / "model.onnx")
    print(json.dumps({"ready": True}), flush=True)

    for line in sys.stdin:
        command = json.loads(line)
        if command["engine"] == "product":
            size = command["size"]
            a, b = torch.rand(size, size), torch.rand(size, size)
            seconds = min(timed(lambda: a @ b)[0] for _ in range(8))
            print(json.dumps({"gflops": 2 * size**3 / seconds / 1e9}), flush=True)
            continue
        longest = max(map(len, command["texts"]))
        ids = torch.tensor([text + [0] * (longest - len(text)) for text in command["texts"]])
        mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in command["texts"]])
        if command["engine"] == "torch":
            run = lambda: model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0].numpy()
        else:
            feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
            run = lambda: session.run(None, feed)[0]
        runs = [timed(run) for _ in range(command["repeat"])]
        answer = {"ms": 1e3 * statistics.median(seconds for seconds, _ in runs), "vectors": runs[-1][1].tolist()}
        print(json.dumps(answer), flush=True)


def timed(run):
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def onnx_session(torch, model, path):
    import onnxruntime

    class FirstRow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]

    if not path.exists():
        ids = torch.ones(2, 7, dtype=torch.long)
        axes = {0: "batch", 1: "length"}
        torch.onnx.export(
            FirstRow(), (ids, ids), str(path.with_suffix(".part")), input_names=["input_ids", "attention_mask"],
            output_names=["first"], dynamic_axes={"input_ids": axes, "attention_mask": axes, "first": {0: "batch"}},
            opset_version=17, dynamo=False)
        path.with_suffix(".part").rename(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main(sys.argv[1])
