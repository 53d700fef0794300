"""Numbers and formats of docs/security.md are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pyalign.datasets import fetch
from pyalign.extraction import sources, spelling
from pyalign.io import _isolated_channel, documents, folder, image_files, isolated, paths, tensor_files, write
from pyalign.io.formats import FORMATS
from pyalign.report.charts import save
from pyalign.report.page.write import _policy
from pyalign.study import file, study_folder

TESTS = Path(__file__).resolve().parent
TEXT = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
PAGE = " ".join(TEXT.split())
MB, GB = 1 << 20, 1 << 30
WORDS = {50: "fifty", 100: "hundred", 9: "nine"}


@pytest.mark.parametrize(
    "words, numbers",
    [
        ("after {} seconds of CPU time without progress ({} more",
         (_isolated_channel.BUSY, GB // _isolated_channel.SLOWEST)),
        ("or {} seconds without a word", (isolated.SILENCE,)),
        ("twice the size of the data plus {} MB", (paths.SMALL // MB,)),
        ("at most a {} times its size", (WORDS[paths.MOST_EXPANSION],)),
        ("(text: {} times), or {} MB", (WORDS[paths.MOST_EXPANSION_OF_TEXT], paths.SMALL // MB)),
        ("(text: {} MB)", (paths.SMALL_TEXT // MB,)),
        ("Files of more than {} MB are refused if less than", (paths.SMALL // MB,)),
        ("less than a {}th of them is on the disk", (WORDS[paths.MOST_EXPANSION],)),
        ("a manifest (at most {} MB)", (folder.LARGEST // MB,)),
        ("| `dataset.toml`, `mine.toml` | at most {} MB", (documents.LARGEST // MB,)),
        ("at most {} folders deep", (fetch.DEEPEST,)),
        ("times the archive's size or {} MB, and {} members", (paths.SMALL // MB, fetch.FEW)),
        ("at most {} instructions", (tensor_files.MOST_STEPS,)),
        ("some {} MB at once", (image_files.PIECE // MB,)),
        ("image files by {} plugins", (WORDS[len(spelling.FORMATS)],)),
        ("with at most {} pixels", (spelling.MOST_PIXELS,)),
        ("and {} GiB of file", (image_files.LARGEST // GB,)),
        ("Its releases before {}, which", (sources.FIRST["sentence_transformers"][0],)),
        ("so is transformers before {}.{}.", sources.FIRST["transformers"]),
        ("for {} seconds at most", (write.PATIENCE,)),
        ("or {} seconds after its last change", (study_folder.DEAD,)),
        ("The file has at most {} MB, {} dots", (documents.LARGEST // MB, documents.MOST_DOTS)),
        ("lists nested {} deep", (documents.DEEPEST,)),
        ("at most {} models in all", (file.MOST_MODELS,)),
    ],
)
def test_a_limit_on_the_page_is_that_of_the_code(words, numbers):
    texts = [number if isinstance(number, str) else f"{number:,.0f}" for number in numbers]
    assert words.format(*texts) in PAGE


@pytest.mark.parametrize(
    "words, files, name",
    [
        ("None of its code is run, and no question is asked", "transformers torch_texts",
         "no_code_of_a_folder_is_run_and_nothing_asked"),
        ("whatever stdin offers", "transformers", "the_command_refuses_code_of_a_folder_whatever_stdin_says"),
        ("from another repository (`auto_map`", "transformers", "models_of_texts_and_code_of_repositories_are_refused"),
        ("files of torch read with `weights_only=True`", "transformers torch_texts",
         "a_pickle_in_place_of_weights_is_not_run"),
        ("Its releases before 6, which run code from folders, are refused", "torch_texts",
         "a_release_that_runs_code_of_folders_or_takes_other_pixels_is_refused"),
        ("links out of the folder are refused", "described", "what_is_wrong_with_it_is_one_line"),
        ("They can only name files of their own folder", "remembered",
         "a_description_that_leads_out_of_its_folder_is_refused"),
        ("and no other description", "description", "a_description_never_reads_another_one"),
        ("`--quiet` leaves the line out", "cli_study", "says_which_code_a_study_will_run_before_it_is_run"),
        ("the hash in the file itself, which detects damage", "nearest_neighbors",
         "a_file_that_is_damaged_is_never_given_to_faiss"),
        ("fails if there are vulnerabilities, or no data on any package", "audit",
         "an_audit_is_well_where_packages_are_known_and_none_has_a_hole"),
        ("a folder of your own that nobody else can write to", "build_cache",
         "the_folder_is_for_its_user_alone the_folder_of_another_user_is_not_taken a_link_is_no_folder_of_the_cache"),
        ("an entry only if its files have their SHA-256", "build_cache",
         "an_entry_that_is_damaged_is_removed_and_can_be_stored_again"),
        ("Each fetched file has a checksum file of its own", "fetch",
         "a_file_is_fetched_once_and_its_checksum_is_recorded"),
    ],
)
def test_a_promise_on_the_page_has_the_tests_that_keep_it(words, files, name):
    assert words in PAGE.replace("**", "")
    for stem in files.split():
        (path,) = (path for path in TESTS.rglob("test_*.py") if re.fullmatch(f"test_(sources_)?{stem}", path.stem))
        assert {f"test_{one}" for one in name.split()} <= names_of_tests(path), path


def names_of_tests(path):
    return {one.name for one in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(one, ast.FunctionDef)}


def test_the_script_of_attacks_names_tests_that_exist():
    text = (TESTS.parent / "tools" / "attacks.sh").read_text(encoding="utf-8")
    places = dict(re.findall(r"\b(\w+)=(tests/\S+\.py)", text))
    named = re.findall(r"(\$\w+|tests/\S+\.py)::(test_\w+)", text)
    assert len(named) > 12 and "$(pytest" in text
    for place, name in named:
        assert name in names_of_tests(TESTS.parent / places.get(place[1:], place)), name
    assert all((TESTS.parent / path).exists() for path in re.findall(r"tests/\S+\.py", text))


def test_the_table_has_every_format_with_the_process_that_reads_it():
    stated = {}
    for row in TEXT.splitlines():
        if row.startswith("| `."):
            _, formats, how, _ = row.split("|")
            stated |= dict.fromkeys(re.findall(r"`(\.\w+)`", formats), "in a separate process" in how)
    assert ".gz" in stated
    wanted = {suffix: "isolated" in reader.function for suffix, reader in FORMATS.items()}
    wanted = {suffix: isolated for suffix, isolated in wanted.items() if not suffix.endswith(".gz")}
    assert stated == {**wanted, ".gz": False}


def test_pages_and_figures_load_nothing():
    for policy in (_policy(["x"]), Path(save.__file__).read_text(encoding="utf-8")):
        assert "default-src 'none'" in policy and "http" not in policy.partition("default-src")[2].partition(">")[0]
