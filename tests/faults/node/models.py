"""Models made to measure, in the form that vLLM loads: each does one thing wrong, or nothing.

`python -m tests.faults.node.models KIND FOLDER` makes one.

A parrot says one token whatever it is asked: every token has the same embedding, the layers add nothing to it, and of the
output's rows only that token's is not zero. Run as a process of its own, since it loads torch.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SPECIAL = ("<pad>", "<s>", "</s>")
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "


@dataclass(frozen=True, slots=True)
class Kind:
    """`says`: a token, "" for whatever random weights say. `nan`: its numbers are none. `heavy`: as slow as a real one."""

    says: str = ""
    nan: bool = False
    heavy: bool = False

    @property
    def context(self) -> int:
        return 8192 if self.heavy else 2048


KINDS = {
    "heavy": Kind("a", heavy=True),
    "letters": Kind("a"),
    "marks": Kind("!"),
    "blanks": Kind("Ġ"),
    "silent": Kind("</s>"),
    "nan": Kind(nan=True),
}
WITHIN_S = 300


def make(kind: str, folder: Path) -> Path:
    """The folder, with a model of this kind in it."""
    command = [sys.executable, "-m", "tests.faults.node.models", kind, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S)
    return folder


def write(name: str, folder: str) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    kind = KINDS[name]
    # "!" is number 0, as with the tokenizers of GPT-2 and Qwen: what comes of numbers that are none
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: number for number, word in enumerate([*letters, *SPECIAL])}
    bpe = Tokenizer(models.BPE(vocab=words, merges=[]))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    tokenizer.chat_template = TEMPLATE
    width, layers = (1024, 12) if kind.heavy else (128, 2)
    config = LlamaConfig(
        vocab_size=len(words),
        max_position_embeddings=kind.context,
        bos_token_id=words["<s>"],
        eos_token_id=words["</s>"],
        pad_token_id=words["<pad>"],
        tie_word_embeddings=False,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 256 or 1,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    with torch.no_grad():
        if kind.says:
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.model.embed_tokens.weight.fill_(1)
            model.lm_head.weight.zero_()
            model.lm_head.weight[words[kind.says]] = 1
        if kind.nan:
            model.model.norm.weight.fill_(torch.nan)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    write(*sys.argv[1:])
