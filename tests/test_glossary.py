"""The glossary names chapters and files that exist, in alphabetical order."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "notebooks/glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"^## (.+)\n\n(.+)\n\n\*(Chapters? .+)\*$", TEXT, re.MULTILINE)


def test_every_word_has_a_sentence_a_chapter_and_a_file():
    assert 60 <= len(ENTRIES) <= 90 and len(ENTRIES) == len(re.findall("^## ", TEXT, re.MULTILINE))
    for word, said, where in ENTRIES:
        assert said.endswith((".", "?")) and len(said) < 400, word
        assert re.search(r"\]\(\d\d_\w+\.ipynb\)", where) and "`" in where, word


def test_words_stand_once_and_in_alphabetical_order():
    words = [word.lower() for word, *_ in ENTRIES]
    assert words == sorted(set(words))


def test_every_chapter_and_every_file_named_exists():
    for _, _, where in ENTRIES:
        for chapter in re.findall(r"\]\(([^)]+)\)", where):
            assert (ROOT / "notebooks" / chapter).is_file()
        for file in re.findall(r"`([^`]+)`", where):
            assert (ROOT / "lic_lab" / file).is_file()


def test_see_another_word_leads_to_a_word():
    words = {word.lower() for word, *_ in ENTRIES}
    named = [name for _, said, _ in ENTRIES for name in re.findall(r"\bSee ([^.]+)\.", said)]
    assert named and {name.lower() for name in named} <= words
