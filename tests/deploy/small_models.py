"""A language model made in seconds, for tests of what is done with models: a Llama that has read a
few turns of a Dungeon Master's table, with a tokenizer that the official converter understands.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

HEROES = ("Mira", "Borin", "Sela", "Kael")
ITEMS = ("rope", "torch", "lantern", "dagger")
ROLES = ("system", "user", "assistant", "tool")
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

Chat = list[dict[str, Any]]


def told(hero: str) -> dict[str, str]:
    """What the Dungeon Master knows."""
    sheet = f"Role: Dungeon Master\nParty:\n- {hero} (Elf Rogue, Level 3, HP: 21/24)"
    return {"role": "system", "content": sheet}


def taking(hero: str, item: str) -> Chat:
    return [
        told(hero),
        {"role": "user", "content": f"I take the {item}."},
        {
            "role": "assistant",
            "content": f"{hero} takes the {item}. [inventory: {hero}, add, {item}]",
        },
    ]


def sneaking(hero: str) -> Chat:
    return [
        told(hero),
        {"role": "user", "content": "I sneak past the guard."},
        {"role": "assistant", "content": f"The guard turns. [check: stealth, {hero}]"},
        {"role": "tool", "content": "stealth: 15 + 5(skill) = *20*"},
        {"role": "assistant", "content": f"{hero} slips by."},
    ]


CHATS = [taking(hero, item) for hero in HEROES for item in ITEMS] + [sneaking(h) for h in HEROES]
PROMPTS = [chat[:2] for chat in CHATS]


def make_base(folder: Path, *, steps: int = 60) -> Path:
    """Write the model to ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    write_tokenizer(folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=512,
            hidden_size=256,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
    )
    teach(model, folder, CHATS, steps=steps)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def make_adapter(base: Path, folder: Path, *, steps: int = 15) -> Path:
    """Teach the model of ``base`` in an adapter, which is written to ``folder``."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        adapted = get_peft_model(model, settings)
    teach(adapted, base, [sneaking(hero) for hero in HEROES], steps=steps, rate=5e-3)
    adapted.save_pretrained(folder)
    return folder


def teach(
    model: Any, tokenizer: Path, chats: list[Chat], *, steps: int, rate: float = 2e-3
) -> None:
    import torch
    from transformers import AutoTokenizer

    read = AutoTokenizer.from_pretrained(tokenizer)
    rows = [read.apply_chat_template(chat, return_dict=False) for chat in chats]
    chance = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    model.train()
    for _ in range(steps):
        drawn = [rows[n] for n in torch.randint(len(rows), (4,), generator=chance).tolist()]
        longest = max(map(len, drawn))
        ids = torch.tensor([row + [3] * (longest - len(row)) for row in drawn])
        seen = ids != 3
        loss = model(
            input_ids=ids, attention_mask=seen.long(), labels=ids.masked_fill(~seen, -100)
        ).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def write_tokenizer(folder: Path, template: str = CHAT_TEMPLATE) -> None:
    """A SentencePiece BPE, as ``tokenizer.model`` and as ``tokenizer.json``."""
    import sentencepiece

    lines = [f" {line}" for chat in CHATS for turn in chat for line in turn["content"].split("\n")]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 3),
        model_writer=written,
        vocab_size=512,
        model_type="bpe",
        byte_fallback=True,
        add_dummy_prefix=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        required_chars="".join(map(chr, range(33, 127))),
        hard_vocab_limit=False,
        unk_piece="<|unknown|>",
        bos_piece="<|begin|>",
        eos_piece="<|end|>",
        pad_id=3,
        pad_piece="<|pad|>",
        control_symbols=[f"<|{role}|>" for role in ROLES],
        num_threads=1,
        minloglevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    _write_fast(written.getvalue(), folder, template)


def _write_fast(model: bytes, folder: Path, template: str) -> None:
    import sentencepiece
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    known = {pieces.id_to_piece(number): number for number in range(pieces.get_piece_size())}
    merges = sorted(
        (rank, known[piece[:cut]], known[piece[cut:]], piece[:cut], piece[cut:])
        for piece, rank in known.items()
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    )
    tokenizer = Tokenizer(
        models.BPE(
            vocab=known,
            merges=[(left, right) for *_, left, right in merges],
            unk_token="<|unknown|>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    special = ("unknown", "begin", "end", "pad", *ROLES)
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", normalized=False) for name in special])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<|unknown|>",
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = template
    fast.save_pretrained(folder)


def edit_json(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


def write_scenarios(folder: Path) -> None:
    """One scenario that the model has room for."""
    folder.mkdir()
    text = (
        "# SYSTEM\nRole: Dungeon Master\nRules: none\n\n# USER\nI take the rope.\n\n"
        "# DM\nMira takes the rope. [inventory: Mira, add, rope]\n"
    )
    (folder / "rope.md").write_text(text, encoding="utf-8")
