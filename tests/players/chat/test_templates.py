"""Prompt templates: files with versions that are filled in, and refused with file and reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from understudy.errors import PlayerError
from understudy.players.chat.templates import PLACEHOLDERS, find_template, read_template

NEEDED = "{{goal}} {{actions}} {{answer_format}}"
VALUES = {name: f"<{name}>" for name in PLACEHOLDERS if name != "screenshot"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "prompts"
    own.mkdir()
    return own


def write(folder: Path, text: str, name: str = "mine.v1.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_packaged_prompts_can_be_used() -> None:
    for name in ("play", "look"):
        template = find_template(name, None)
        system, user = template.messages(VALUES, "data:image/png;base64,AAAA")
        assert system["role"] == "system"
        assert [part["type"] for part in user["content"]] == ["text", "image_url"]
        assert "{{" not in system["content"] + user["content"][0]["text"]


def test_without_a_picture_a_prompt_is_words_alone(folder: Path) -> None:
    path = write(folder, f"# User\n{NEEDED}\nNow:\n{{{{screenshot}}}}\nWhat next?")
    (user,) = read_template(path).messages(VALUES, None)
    assert user["content"].endswith("Now:\n\nWhat next?")


def test_the_one_that_reads_has_no_place_for_a_picture() -> None:
    template = find_template("read", None)
    assert "{{observation}}" in template.user
    assert "{{screenshot}}" not in template.user


def test_the_name_of_the_words_of_training_is_taken(folder: Path) -> None:
    with pytest.raises(PlayerError, match="`trained` means the words in which models are trained"):
        read_template(write(folder, f"# User\n{NEEDED}", "trained.v1.md"))


def test_the_one_that_only_looks_is_told_nothing_of_the_memory() -> None:
    template = find_template("look", None)
    assert "observation" not in template.system + template.user


def test_placeholders_are_filled_in_where_they_stand(folder: Path) -> None:
    path = write(
        folder,
        "# System\n{{ game }}: {{actions}}\n\n# User\n{{goal}}\n{{screenshot}}\n{{answer_format}}",
    )
    template = read_template(path)
    assert template.messages(VALUES, "URL") == [
        {"role": "system", "content": "<game>: <actions>"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<goal>"},
                {"type": "image_url", "image_url": {"url": "URL"}},
                {"type": "text", "text": "<answer_format>"},
            ],
        },
    ]
    assert (template.name, template.version, str(template)) == ("mine", 1, "mine.v1")
    assert template.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_a_system_part_and_a_screenshot_there_is_one_message_of_words(
    folder: Path,
) -> None:
    template = read_template(write(folder, f"# User\n{NEEDED}"))
    assert template.messages(VALUES, "URL") == [
        {"role": "user", "content": "<goal> <actions> <answer_format>"}
    ]


def test_what_is_filled_in_is_only_text(folder: Path) -> None:
    template = read_template(write(folder, f"# User\n{NEEDED} {{{{observation}}}}"))
    tricks = VALUES | {"observation": "{{goal}} {goal.__class__} {0} %s $goal {{screenshot}}"}
    (message,) = template.messages(tricks, "URL")
    assert message["content"].endswith(tricks["observation"])


def test_single_braces_are_left_alone(folder: Path) -> None:
    template = read_template(write(folder, f'# User\n{NEEDED} {{"action": {{}}}} {{{{{{goal}}}}}}'))
    (message,) = template.messages(VALUES, "URL")
    assert message["content"].endswith('{"action": {}} {<goal>}')


def test_an_empty_value_leaves_no_gap(folder: Path) -> None:
    template = read_template(write(folder, f"# User\n{NEEDED}\n\n{{{{warning}}}}\n\nend"))
    (message,) = template.messages(VALUES | {"warning": ""}, "URL")
    assert message["content"].endswith("<answer_format>\n\nend")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"# User\n{NEEDED}\n{{{{gaol}}}}", "line 3: the placeholder `gaol` is unknown; there is"),
        (f"# User\n{NEEDED}\n{{{{goal.x}}}}", "line 3: the placeholder `goal.x` is unknown"),
        (f"# User\n{NEEDED}\n{{{{goal", "line 3: a placeholder is a name in double braces"),
        (f"# User\n{NEEDED}\n{{{{}}}}", "line 3: the placeholder `` is unknown"),
        ("# User\n{{goal}} {{actions}}", "`answer_format` is missing"),
        ("# User\n{{actions}} {{answer_format}}", "`goal` is missing"),
        (f"# System\n{NEEDED}", "the part under `# User` is missing"),
        (f"# System\n{NEEDED}\n# User\n  \n", "the part under `# User` is missing or empty"),
        (f"Hello\n# User\n{NEEDED}", "line 1: a prompt begins with the line `# System`"),
        (f"# User\n{NEEDED}\n# User\nagain", "line 3: there is another `# User`"),
        (f"# System\n{{{{screenshot}}}}\n# User\n{NEEDED}", "belongs into the part under `# User`"),
        (f"# User\n{NEEDED} {{{{screenshot}}}} {{{{ screenshot }}}}", "more than once"),
        ("# User\n" + "x" * 200_000, "a prompt has 100000 at most"),
    ],
    ids=lambda value: value[-40:],
)
def test_a_wrong_template_is_refused_with_file_and_reason(
    folder: Path, text: str, complaint: str
) -> None:
    path = write(folder, text)
    with pytest.raises(PlayerError) as error:
        read_template(path)
    assert str(path) in str(error.value)
    assert complaint in str(error.value)


def test_a_file_without_a_version_or_that_is_no_text_is_refused(folder: Path) -> None:
    with pytest.raises(PlayerError, match=r"call it NAME\.vN\.md"):
        read_template(write(folder, f"# User\n{NEEDED}", "mine.md"))
    (folder / "mine.v1.md").write_bytes(b"# User\n\xff")
    with pytest.raises(PlayerError, match="UTF-8"):
        read_template(folder / "mine.v1.md")
    with pytest.raises(PlayerError, match="no such file"):
        read_template(folder / "missing.v1.md")


def test_the_newest_version_is_taken_unless_one_is_named(folder: Path) -> None:
    for version in (1, 2, 10):
        write(folder, f"# User\n{NEEDED}", f"mine.v{version}.md")
    assert str(find_template("mine", folder)) == "mine.v10"
    assert str(find_template("mine.v2", folder)) == "mine.v2"


def test_ones_own_file_goes_before_the_packaged_one_of_the_same_version(folder: Path) -> None:
    write(folder, f"# User\nmine: {NEEDED}", "play.v1.md")
    template = find_template("play.v1", folder)
    assert template.user.startswith("mine:")


def test_a_path_starts_from_the_workspace(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    write(folder.parent / "elsewhere", f"# User\n{NEEDED}", "odd.v3.md")
    template = find_template("elsewhere/odd.v3.md", folder)
    assert str(template) == "odd.v3"


def test_an_unknown_name_is_told_what_there_is(folder: Path) -> None:
    write(folder, f"# User\n{NEEDED}")
    with pytest.raises(
        PlayerError, match=r"no prompt 'paly'.*look\.v1, mine\.v1, play\.v1, .*trained"
    ):
        find_template("paly", folder)
    with pytest.raises(PlayerError, match=r"no prompt 'play\.v99'"):
        find_template("play.v99", folder)
    with pytest.raises(PlayerError, match=r"no prompt ''"):
        find_template("", None)
