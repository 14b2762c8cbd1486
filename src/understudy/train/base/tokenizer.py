"""The base model's tokenizer: a SentencePiece BPE that llama.cpp's official converter understands.

The same model is written twice: ``tokenizer.model`` for the converter, ``tokenizer.json`` for
transformers. The names, items and spells of the world stand in the training text often enough to
become single pieces, so no added tokens are needed for them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN, SYSTEM, USER, ASSISTANT, TOOL, END = (
    "<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>",
)  # fmt: skip
PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
_PRINTABLE = "".join(map(chr, range(33, 127)))
_CONTROL = (SYSTEM, USER, ASSISTANT, TOOL)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>' }}{% generation %}{{ ' ' + message['content'] | trim + '<|end|>' }}"
    "{% endgeneration %}"
    "{% else %}"
    "{{ '<|' + message['role'] + '|> ' + message['content'] + '<|end|>' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(lines: Iterable[str], folder: Path, *, vocabulary: int) -> None:
    """Learn pieces from ``lines`` and write ``tokenizer.model`` and the files beside it."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=vocabulary,
        model_type="bpe",
        byte_fallback=True,
        add_dummy_prefix=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=1.0,
        # What fine-tuning may need and the corpus does not show, the brackets of calls above all.
        required_chars=_PRINTABLE,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=3,
        unk_piece=UNKNOWN,
        bos_piece=BEGIN,
        eos_piece=END,
        pad_piece=PAD,
        control_symbols=list(_CONTROL),
        num_threads=1,
        minloglevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    _write_for_transformers(model.getvalue(), folder)


def _write_for_transformers(model: bytes, folder: Path) -> None:
    import sentencepiece
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocabulary = {pieces.id_to_piece(number): number for number in range(pieces.get_piece_size())}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(vocabulary),
            unk_token=UNKNOWN,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    special = (UNKNOWN, BEGIN, END, PAD, *_CONTROL)
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in special])
    make: Any = PreTrainedTokenizerFast
    fast = make(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        add_bos_token=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    write_llama_cpp_settings(folder)


def write_llama_cpp_settings(folder: Path) -> None:
    """Put back what transformers drops on saving and llama.cpp's converter asks for.

    Without these, llama.cpp puts a space and a beginning before every text, and tokens differ.
    """
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text("utf-8"))
    config |= {"add_bos_token": False, "add_prefix_space": False}
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """The merges in the order in which SentencePiece applies them: the best piece first."""
    merges: list[tuple[int, int, int, str, str]] = []
    for piece, rank in vocabulary.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary:
                merges.append((rank, vocabulary[left], vocabulary[right], left, right))
    return [(left, right) for *_, left, right in sorted(merges)]
