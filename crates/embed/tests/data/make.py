"""Makes the tiny random models in this folder and what `transformers` computes with them.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors
    venv/bin/python make.py

The Rust tests compare with `expected.json` of each; they need no Python.
"""

import json
import pathlib
import random

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel

HERE = pathlib.Path(__file__).parent
VOCABULARY = 96
LENGTHS = [12, 1, 5, 24, 33, 70, 150, 2]


def tokenizer():
    """One token a character; enough for the tests that start from text."""
    letters = " abcdefghijklmnopqrstuvwxyz0123456789'-,.?!"
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    vocabulary |= {letter: 4 + i for i, letter in enumerate(letters)}
    special = [
        {"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for name, i in vocabulary.items() if i < 4
    ]
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]"))
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None,
        # As some published files have it: padding to a fixed length, which must not reach the model.
        "padding": {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": special,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": False},
        "post_processor": {
            "type": "TemplateProcessing", "single": [cls, sequence, sep],
            "pair": [cls, sequence, sep, {"Sequence": {"id": "B", "type_id": 1}}, sep],
            "special_tokens": {name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]}
                               for name in ("[CLS]", "[SEP]")},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }


def write(name, model, config, pool, pooling):
    folder = HERE / name
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    # Weights large enough that a slip anywhere shows in the result.
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in parameter_name.lower():
                parameter.copy_(noise * 0.2 + (0 if parameter_name.endswith("bias") else 1))
            else:
                parameter.copy_(noise * 0.15)
    model.eval()
    rng = random.Random(11)
    texts = [[rng.randrange(4, VOCABULARY) for _ in range(length)] for length in LENGTHS]
    with torch.no_grad():
        vectors = [pool(model(input_ids=torch.tensor([ids])).last_hidden_state[0]).tolist() for ids in texts]
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()) + "\n")
    rounded = [[float(f"{x:.7g}") for x in vector] for vector in vectors]
    (folder / "expected.json").write_text(json.dumps({"texts": texts, "vectors": rounded}) + "\n")


def main():
    config = dict(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=2,
        max_position_embeddings=256, local_attention=64, global_attn_every_n_layers=3, norm_eps=1e-5,
        global_rope_theta=160000.0, local_rope_theta=10000.0,
        pad_token_id=0, bos_token_id=2, cls_token_id=2, eos_token_id=3, sep_token_id=3,
    )
    nested = dict(
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        }
    )
    flat = ("global_rope_theta", "local_rope_theta")
    transformers_config = ModernBertConfig(
        **{k: v for k, v in config.items() if k not in flat}, **nested, attn_implementation="eager")
    write(
        "modernbert", ModernBertModel(transformers_config),
        {"model_type": "modernbert", **config}, lambda rows: rows[0],
        {"word_embedding_dimension": 64, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})

    config = dict(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=160, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu", pad_token_id=0,
    )
    write(
        "bert", BertModel(BertConfig(**config, attn_implementation="eager")),
        {"model_type": "bert", **config}, lambda rows: rows.mean(0),
        {"word_embedding_dimension": 64, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})


if __name__ == "__main__":
    main()
