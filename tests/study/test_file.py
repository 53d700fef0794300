"""Mistakes in a study file: each is one line that says where, and what was meant."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from small_study import TEXT

import pyalign
from pyalign.errors import InputError
from pyalign.study.file import read_study
from pyalign.study.options import OWN, analyses, arguments_of
from pyalign.study.units import units_of

MISTAKES = {  # what is put in place of what -> the message
    ("[triplets]", "[triplet]"): "unknown key 'triplet'; did you mean 'triplets'?",
    ('file = "t.csv"', 'fiel = "t.csv"'): "[triplets]: unknown key 'fiel'; did you mean 'file'?",
    ('subject_column = "subject"', 'subject_colum = "subject"'): "did you mean 'subject_column'?",
    ("n_permutations = 5", "permutation = 5"): "cka has no option 'permutation'; did you mean 'n_permutations'?",
    ("n_permutations = 5", 'n_permutations = "many"'):
        "step 'cka': n_permutations must be a whole number or "
        "\"none\"; got 'many'"
    ,
    ("n_permutations = 5", "n_permutations = true"):
        "step 'cka': n_permutations must be a whole number or \"none\"; "
        "got True"
    ,
    ("n_permutations = 5", "n_permutations = 1.5"):
        "step 'cka': n_permutations must be a whole number or \"none\"; "
        "got 1.5"
    ,
    ("limit = 5", "limit = [1]"): "step 'failures': limit must be a whole number or \"none\"; got [1]",
    ("limit = 5", "families = 3"): "step 'failures': families must be a list, each text or \"none\"; got 3",
    ("max_iterations = 4", "max_iteration = 4"): "has no option 'max_iteration'; did you mean 'max_iterations'?",
    ("max_iterations = 4", 'max_iterations = "4"'): "step 'probe': max_iterations must be a whole number; got '4'",
    ("[steps.cka]", "[steps.ckaa]"): "step 'ckaa': there is no analysis 'ckaa'; did you mean 'cka'?",
    ("limit = 5", 'models = ["c"]'): "step 'failures': there is no model 'c' in [models]",
    ("limit = 5", 'x = "a"'): "step 'failures': find_failures has no option 'x'",
    ("limit = 5", 'subjects = "s.txt"'): "step 'failures': subjects comes from the study",
    ("limit = 5", "[steps.rsa]"): "step 'rsa': rsa needs [human], which the study does not have",
    ("limit = 5", "[steps.score2]\nfunction = 3"): "step 'score2': function must be text; got 3",
    ('"step:ceiling"', '"step:celling"'): "step 'score': there is no step 'celling'; did you mean 'ceiling'?",
    ('ceiling = "step:ceiling"', "ceiling = true"): "step 'score': ceiling must be a number or a file; got True",
    ('ceiling = "step:ceiling"', 'ci = "object"'): "step 'score': ci must be \"auto\" or \"objects\" or \"subjects\"",
    ('ceiling = "step:ceiling"', "ci = { bye = 3 }"): "step 'score': ci has no entry 'bye'; did you mean 'by'?",
    ('ceiling = "step:ceiling"', "ci = { seed = 'x' }"): "step 'score': ci.seed must be a whole number; got 'x'",
    ('a = "a.npy"', "a = 3"): "model 'a': must be a file of embeddings, or a table with file or extract; got 3",
    ('a = "a.npy"', 'a = { file = "a.npy", extract = "x" }'): "model 'a': must be a file of embeddings, or a table",
    ('a = "a.npy"', 'a = { extract = "x:y" }'): "model 'a': extract needs images or texts, one of them",
    ('a = "a.npy"', 'a = { file = "a.npy", nmes = "x" }'): "model 'a': unknown key 'nmes'; did you mean 'names'?",
    ('a = "a.npy"', 'a = { file = "a.npy", per_object = "last" }'): "model 'a': per_object must be one of mean, first",
    ('a = "a.npy"', "a = { extract = 'x', images = 'p', batch_size = '9' }"): "batch_size must be a whole number",
    ('title = "Small"', "title = 3"): "title must be text; got 3",
    ('title = "Small"', 'title = "Small'): "is not TOML: ",
    ("[steps", "[stops"): "unknown key 'stops'; did you mean 'steps'?",
    ("limit = 5", 'models = [["a"]]'): "step 'failures': models must be a list of names of [models]; got [['a']]",
    ("limit = 5", 'models = [{ a = "b" }]'): "step 'failures': models must be a list of names of [models]; got [{",
    ("limit = 5", 'triplets = ["t.csv"]'): "step 'failures': triplets must be left out: there is no [triplets.NAME]",
    ("limit = 5", "triplets = { file = 't.csv' }"): "step 'failures': triplets must be left out",
    ('subject_column = "subject"', 'subject_column = ["subject"]'): (
        "[triplets]: subject_column must be a whole number or text or \"none\"; got ['subject']"
    ),
    ('subject_column = "subject"', "columns = 3"): "[triplets]: columns must be a list, each a whole number",
    ('subject_column = "subject"', "columns = [[1], 2, 3]"): "[triplets]: columns must be a list, each a whole number",
    ('subject_column = "subject"', "item_names = ['a']"): "[triplets]: item_names must be text; got ['a']",
    ('subject_column = "subject"', "odd_column = 3"): 'odd_column must be "first" or "last" or "none"; got 3',
    ('file = "kinds.txt"', 'file = "kinds.txt\\u0000"'): "text must not hold NUL; got 'kinds.txt\\x00'",
    ('a = "a.npy"', '"a\\u0000" = "a.npy"'): "text must not hold NUL; got 'a\\x00'",
    ("limit = 5", f"limit = 1{'0' * 30}"): f"whole numbers must have at most 64 bits; got 1{'0' * 30}",
    ("limit = 5", f"limit = {'[' * 40}{']' * 40}"): "tables and lists must be at most 32 deep",
    ("limit = 5", f"limit.{'.'.join('x' * 100)} = 5"): "tables and lists must be at most 32 deep",
    ("limit = 5", f"limit.{'.'.join('x' * 400)} = 5"): "line 27 must have at most 128 dots; got 400",
    ("limit = 5", "limit = 5\n[steps.'probe (a)']\nfunction = 'score'"): (
        "two parts are called 'probe (a)': step 'probe (a)', and step 'probe' of model 'a'; rename one"
    ),
    ("limit = 5", "limit = 5\n[steps.report]\nfunction = 'score'"): "two parts are called 'report': step 'report', and",
    ("limit = 5", 'limit = 5\n[steps.after]\nfunction = "score"\ntransform = "step:probe"'): (
        "step 'after': transform must be one map: write step:probe::MODEL, one of a, b; got ''"
    ),
    ("limit = 5", 'limit = 5\n[steps.after]\nfunction = "score"\ntransform = "step:probe::c"'): (
        "step 'after': transform must be one map: write step:probe::MODEL, one of a, b; got 'c'"
    ),
    ("limit = 5", 'limit = 5\n[steps.after]\nfunction = "score"\ntransform = "step:cka"'): (
        "step 'after': transform must be a file, or a step of cross_validate_probe or fit_probe; got step 'cka' of cka"
    ),
    ('"step:ceiling"', '"step:probe::a"'): (
        "step 'score': ceiling must be a number or a file, or a step of noise_ceiling; got step 'probe' of "
    ),
    ('ceiling = "step:ceiling"', 'groups = "step:ceiling"'): (
        "step 'score': groups must be a file; got step 'ceiling' of noise_ceiling"
    ),
}


@pytest.mark.parametrize("change", MISTAKES)
def test_a_mistake_is_one_line_with_the_file(folder, change):
    old, new = change
    assert old in TEXT
    Path("small.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(InputError) as caught:
        pyalign.run_study("small.toml")
    message = str(caught.value)
    assert message.startswith("small.toml: ")
    assert MISTAKES[change] in message
    assert "\n" not in message
    assert not Path("small").exists()  # said before anything is made


def test_needs_a_step(folder):
    Path("small.toml").write_text('models.a = "a.npy"\n')
    with pytest.raises(InputError, match=r"small\.toml: \[steps\] must have at least one analysis"):
        pyalign.run_study("small.toml")


def test_steps_that_need_each_other_are_refused(folder):
    steps = '[steps.probe]\nstart = "step:other"\n[steps.other]\nfunction = "probe"\nstart = "step:probe"\n'
    Path("small.toml").write_text(
        TEXT.partition("[steps")[0]
        + steps.replace('probe"\nstart', 'fit_probe"\npenalty = 1\nstart').replace(
            "[steps.probe]\n", '[steps.probe]\nfunction = "fit_probe"\npenalty = 1\n'
        )
    )
    with pytest.raises(InputError, match=r"step 'other': needs itself, by way of 'probe'"):
        pyalign.run_study("small.toml")


def test_options_of_every_analysis_are_those_of_its_function(folder):
    for analysis in analyses().values():
        names = arguments_of(analysis)
        assert not {*names} & {*analysis.inputs, *OWN}
        assert callable(analysis.call) and names


MODELS = TEXT[TEXT.index("[models]") : TEXT.index("[triplets]")]


def with_models(value, before=""):
    """The study with the models of a table or a pattern, which stands before the tables of the file."""
    Path("small.toml").write_text(f'models = "{value}"\n{before}' + TEXT.replace(MODELS, ""))
    return read_study("small.toml")


def test_models_of_a_table_or_a_pattern_are_those_of_the_study_file(folder):
    expected = read_study("small.toml").models
    Path("models.csv").write_text("model,file\na,a.npy\nb,b.npy\n")
    Path("models.json").write_text('{"a": {"file": "a.npy"}, "b": {"file": "b.npy"}}')
    assert with_models("models.csv").models == with_models("models.json").models == expected
    for pattern, start in (("[ab].npy", ""), (f"{folder}/?.npy", f"{folder}/")):
        files = {name: model.file for name, model in with_models(pattern).models.items()}
        assert files == {"a": f"{start}a.npy", "b": f"{start}b.npy"}


def test_a_table_and_a_pattern_are_relative_to_the_study_file(folder, monkeypatch):
    Path("models.csv").write_text("model,file\na,a.npy\nb,b.npy\n")
    Path("elsewhere").mkdir()
    for value in ("models.csv", "?.npy"):
        with_models(value)
        monkeypatch.chdir(folder / "elsewhere")
        assert [*read_study("../small.toml").models] == ["a", "b"]
        monkeypatch.chdir(folder)
    with pytest.raises(InputError, match="at least one model; got none with 'elsewhere"):
        with_models("elsewhere/*.npy")


def test_options_of_a_table_are_those_of_the_study_file(folder):
    table = "model,file,extract,layer,batch_size,compile,images,name_column,kind\n"
    Path("models.csv").write_text(f"{table}a,a.npy,,,,,,2,\nb,,timm:x,last,8,true,photos,,\n")
    models = with_models("models.csv").models
    assert models["a"].options == {"names": "names.txt", "name_column": 2}
    assert models["b"].extract == "timm:x"
    assert models["b"].options == {"layer": "last", "batch_size": 8, "compile": True, "images": "photos"}
    Path("models.csv").write_text("model,file,family\na,a.npy,CLIP\nb,b.npy,VGG\n")
    assert {*with_models("models.csv", 'metadata = "models.csv"\n').models} == {"a", "b"}


@pytest.mark.parametrize(("table", "said"), [
    ("model,file,family\na,a.npy,CLIP\n", "model 'a': unknown key 'family'"),
    ("model,file,nmes\na,a.npy,x\n", "model 'a': unknown key 'nmes'; did you mean 'names'?"),
    ("model,file\na,a.npy\na,b.npy\n", "models must have different names; got 'a' twice in models.csv"),
    ("model,file\n", "models must be a table or a pattern of at least one model; got none with 'models.csv'"),
    ("model,file\na,\n", "model 'a': must be a file of embeddings, or a table with file or extract; got {}"),
    ("name,file\na,a.npy\n", "models.csv: line 1: the header has no column 'model'"),
    ("model,file\na\n", "models.csv: line 2 has 1 column; the header has 2"),
    ("model,extract,images,batch_size\na,timm:x,p,many\n", "model 'a': batch_size must be a whole number; got 'many'"),
])
def test_a_mistake_in_a_table_of_models_is_one_line(folder, table, said):
    Path("models.csv").write_text(table)
    with pytest.raises(InputError) as caught:
        with_models("models.csv")
    assert str(caught.value).startswith("small.toml: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_models_of_one_name_in_two_folders_are_refused(folder):
    for name in ("x", "y"):
        Path(name).mkdir()
        Path(name, "a.npy").write_bytes(b"")
    with pytest.raises(InputError, match="must have different names; got 'a' twice"):
        with_models("*/a.npy")


@pytest.mark.parametrize("value", ["text", "none.csv", "", "..", "a.npy", "x" * 300 + ".csv"])
def test_models_that_are_no_table_are_refused_with_the_name_of_the_study(folder, value):
    with pytest.raises(InputError, match=r"^small\.toml: ") as caught:
        with_models(value)
    assert len(str(caught.value).splitlines()) == 1


def test_more_models_than_a_study_file_has_room_for(folder):
    Path("models.csv").write_text("model,file\n" + "".join(f"m{k},embeddings/of/m{k}.npy\n" for k in range(30_000)))
    text = 'models = "models.csv"\ntriplets = "t.csv"\n[steps.score]\n'
    Path("small.toml").write_text(text)
    study = read_study("small.toml")
    assert len(study.files) == 30_001 and study.models["m7"].file == "embeddings/of/m7.npy"


def test_reading_opens_no_file_that_it_names(folder):
    for path in ("a.npy", "b.npy", "t.csv", "names.txt", "kinds.txt"):
        Path(path).unlink()
    assert [step.name for step in read_study("small.toml").steps][:2] == ["ceiling", "score"]


def test_an_interval_is_a_word_or_a_table(folder):
    for text, by in (('ci = "triplets"', "triplets"), ('ci = { by = "objects", confidence_level = 0.8 }', "objects")):
        Path("small.toml").write_text(TEXT.replace('ceiling = "step:ceiling"', text))
        pyalign.run_study("small.toml", only="score")
        assert pyalign.load_result("small/steps/score.json")[0].ci.by == by
    assert pyalign.load_result("small/steps/score.json")[0].ci.confidence == 0.8
    Path("small.toml").write_text(TEXT.replace('ceiling = "step:ceiling"', 'ci = "none"'))
    pyalign.run_study("small.toml", only="score")
    assert pyalign.load_result("small/steps/score.json")[0].ci is None


def test_an_option_that_a_function_needs_is_asked_for_before_anything_is_run(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('models.a = "a.npy"\n[steps.transfer]\n')
    with pytest.raises(InputError, match=r"s\.toml: step 'transfer': transfer needs maps; got none$"):
        read_study(path)


def test_an_extraction_and_a_step_of_one_name_are_refused(folder):
    text = TEXT.replace('a = "a.npy"', 'a = { extract = "pixels:2", images = "p" }')
    Path("small.toml").write_text(f'{text}[steps."extract (a)"]\nfunction = "score"\n')
    with pytest.raises(InputError, match=r"step 'extract \(a\)', and the extraction of model 'a'; rename one$"):
        pyalign.run_study("small.toml")
    assert not Path("small").exists()


@pytest.fixture
def seconds():
    """seconds(n): what takes longer is an error."""

    def late(*_):
        raise AssertionError("not done in time")

    before = signal.signal(signal.SIGALRM, late)
    yield lambda n: signal.setitimer(signal.ITIMER_REAL, n)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


HEAD = 'models.a = "a.npy"\ntriplets = "t.csv"\n'
PROBE = "function = 'fit_probe'\npenalty = 1\n"


def test_steps_that_are_needed_along_many_paths_are_looked_at_in_time(tmp_path, seconds, message_of):
    """Each of 25 steps takes the one before twice: 2**25 paths lead to the first."""
    twice = "[steps.s{0}]\n{2}start = 'step:s{1}'\nother_embeddings = 'step:s{1}'\n"
    steps = [twice.format(k, k - 1, PROBE) for k in range(25, 0, -1)]
    (tmp_path / "s.toml").write_text(HEAD + "".join(steps) + f"[steps.s0]\n{PROBE}")
    seconds(5)
    told = "step 's25': other_embeddings must be a file; got step 's24' of fit_probe"
    assert message_of(read_study, tmp_path / "s.toml") == f"{tmp_path / 's.toml'}: {told}"


def test_a_chain_of_3000_steps_is_put_in_order(tmp_path, seconds):
    steps = [f"[steps.s{k}]\n{PROBE}start = 'step:s{k - 1}'\n" for k in range(2999, 0, -1)]
    (tmp_path / "s.toml").write_text(HEAD + "".join(steps) + f"[steps.s0]\n{PROBE}")
    seconds(20)
    study = read_study(tmp_path / "s.toml")
    assert [step.name for step in study.steps] == [f"s{k}" for k in range(3000)]
    assert units_of(study)[-1].needs == ("s2998 (a)",)


def test_very_many_models_of_very_many_steps_are_refused_in_time(tmp_path, seconds, message_of):
    models = "".join(f'models.a{k} = "x.npy"\n' for k in range(14_000))
    steps = "".join(f"[steps.s{k}]\n{PROBE}" for k in range(5_000))
    (tmp_path / "s.toml").write_text('triplets = "t.csv"\n' + models + steps)
    seconds(20)
    told = "steps must be of at most 100,000 models in all, each counted for each step; got more with step 's7'"
    assert message_of(read_study, tmp_path / "s.toml") == f"{tmp_path / 's.toml'}: {told}"


def test_names_of_files_are_found_in_time_where_many_names_are_written_alike(tmp_path, seconds):
    models = "".join(f'models."{chr(0x4E00 + k)}" = "x.npy"\n' for k in range(10_000))
    (tmp_path / "s.toml").write_text(f'triplets = "t.csv"\n{models}[steps.probe]\n', encoding="utf-8")
    seconds(20)
    stems = [unit.stem for unit in units_of(read_study(tmp_path / "s.toml"))]
    assert stems[:2] + stems[-1:] == ["probe-_", "probe-_-2", "probe-_-10000"] and len({*stems}) == 10_000


def test_keys_of_very_many_parts_are_refused_in_time(tmp_path, seconds, message_of):
    path = tmp_path / "s.toml"
    path.write_text("a" + ".a" * 500_000 + " = 1\n")
    seconds(5)
    assert message_of(read_study, path) == f"{path}: line 1 must have at most 128 dots; got 500000"
    path.write_text("[" + "a." * 250 + "a]\n" + "".join(f"x{k} = 1\n" for k in range(80_000)))
    assert message_of(read_study, path) == f"{path}: line 1 must have at most 32 dots; got 250"
