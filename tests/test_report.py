"""The page of a run: self-contained, escaped, complete; and the bibliography behind it."""

import json
import re
from html.parser import HTMLParser

import made_run
import pytest
import test_results_judge

from dpap_bio import cite, library, report, results


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + " "

    def of(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture
def folder(tmp_path):
    """A run folder: two arms, two seeds, criteria, two figures."""
    lived = {(arm, seed): test_results_judge.life(10 + seed) for arm in ("main", "control") for seed in (1, 2)}
    run = made_run.run(tmp_path, lived, criteria=test_results_judge.CRITERIA)
    results.save(run, tmp_path / "run.nc")
    return tmp_path


def page(folder, names=("density", "survival")):
    run = results.load(folder / "run.nc")
    pictures = [report._picture(name, run, folder) for name in names]
    return Page(report.page(run, pictures, {"main-1": 12.0, "main-2": 30.0}))


def test_the_page_needs_no_script_and_no_other_file(folder):
    found = page(folder)
    assert not found.of("script", "link", "iframe", "object", "embed")
    assert [attrs["src"][:22] for attrs in found.of("img")] == ["data:image/png;base64,"] * 2
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
    (policy,) = [a["content"] for a in found.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    style = re.search(r"<style>(.*?)</style>", report.page(results.load(folder / "run.nc"), []), re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_what_the_files_say_is_text_on_the_page_and_never_markup(folder):
    found = page(folder)
    assert "A test & nothing <i>else</i>" in found.text
    assert "four inputs <b>together</b> reach threshold" in found.text
    assert not found.of("i", "b")


def test_the_page_shows_every_criterion_control_parameter_arm_and_stage(folder):
    run, text = results.load(folder / "run.nc"), page(folder).text
    for name in ("Peak over adult", "Plateau, strict", "Plateau, loose", "control, arm control", "passed but must fail",
                 "Huttenlocher 1979", "1.4 to 2", "Set", "42 s in all developments"):
        assert name in text
    for name in [*run["parameters"].parameter.values, *run["arms"].arm.values, *run["stages"].stage.values]:
        assert str(name) in text
    assert "2 passed" in text
    assert "1 failed" in text


def test_every_picture_has_a_caption_and_an_alternative_text(folder):
    found = page(folder)
    assert len(found.of("figcaption")) == len(found.of("img")) == 2
    assert all(len(attrs["alt"]) > 20 for attrs in found.of("img"))


def test_tables_have_headers_and_the_page_a_language_and_a_title(folder):
    found = page(folder)
    assert found.of("html") == [{"lang": "en"}]
    assert all("scope" in attrs for attrs in found.of("th"))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in found.of("meta")


def test_a_figure_that_breaks_is_told_and_the_others_are_shown(folder):
    (folder / "broken.py").write_text("def main(run, out):\n    raise RuntimeError('no ink')\n")
    found = page(folder, ("density", str(folder / "broken.py")))
    assert len(found.of("img")) == 1
    assert "could not be drawn: RuntimeError: no ink" in found.text


def test_write_makes_the_page_and_the_pictures_of_a_folder(folder):
    (folder / "run.json").write_text(json.dumps({"wall_s": {"main-1": 5.0}}))
    path = report.write(folder)
    assert path == folder / "report.html"
    found = Page(path.read_text(encoding="utf-8"))
    assert len(found.of("img")) == len(report.FIGURES["development"])
    assert all((folder / f"{name}.png").exists() for name in report.FIGURES["development"])
    assert "could not be drawn" not in found.text
    assert "5 s in all developments" in found.text


def test_a_stopped_development_is_told_at_the_top(tmp_path):
    lived = {("main", 1): made_run.records()[:6]}
    run = results.assemble(made_run.protocol(tmp_path), lived, stopped={("main", 1): "cells ran away at age 5 day"})
    assert "main, seed 1: cells ran away at age 5 day" in Page(report.page(run, [])).text


# -- bibliography --


def test_every_source_of_a_model_or_protocol_is_in_the_bibliography():
    known, named = cite.entries(), {}
    for kind in ("model", "mechanism", "protocol"):
        for name in library.names(kind):
            text = library.find(kind, name).read_text(encoding="utf-8")
            for source in re.findall(r'\bsource\s*=\s*"([^"]*)"', text):
                named[f"{kind} {name}: {source}"] = cite.keys_in(source)
    assert len(named) > 10
    assert {where for where, keys in named.items() if not keys or any(key not in known for key in keys)} == set()


def test_every_key_that_cite_may_note_is_in_the_bibliography_and_every_rule_it_knows_exists():
    from dpap_bio.measures import MEASURES
    from dpap_bio.rules import RULES

    tables = (cite._RULES, cite._STIMULI, cite._MEASURES, cite._FIGURES)
    keys = {key for table in tables for keys in table.values() for key in keys} | set(cite._SOFTWARE)
    assert keys <= set(cite.entries())
    assert set(cite._RULES) <= set(RULES)
    assert set(cite._MEASURES) <= set(MEASURES)


def test_entries_are_whole_sorted_and_once():
    text = (library.folder("model") / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{(\w+),", text, re.M)
    assert keys == sorted(set(keys))
    assert list(cite.entries()) == keys
    for entry in cite.entries().values():
        assert {"author", "title", "year"} <= set(entry.fields)
        assert entry.text.count("{") == entry.text.count("}")
        assert entry.fields["year"] in str(entry)
        assert not set("{}\\") & set(str(entry))


def test_the_bibliography_holds_what_the_run_used_and_nothing_else(folder):
    text = cite.bibliography(results.load(folder / "run.nc"))
    assert "% parameter tau_m\n@article{song2000," in text
    assert "% bounds of peak_over_adult\n@article{huttenlocher1979," in text
    assert "@article{stimberg2019," in text
    for unused in ("vogels2011", "vinje2000", "kaplan1958", "alpaydin1998"):
        assert unused not in text


def test_an_unknown_key_is_one_sentence_for_dpap_cite_and_no_obstacle_for_the_page(tmp_path):
    criteria = test_results_judge.CRITERIA.replace("huttenlocher1979", "nobody1900, fig. 1")
    run = made_run.run(tmp_path, {("main", 1): test_results_judge.life(10)}, criteria=criteria)
    with pytest.raises(ValueError, match="no entry 'nobody1900', which bounds of peak_over_adult names"):
        cite.bibliography(run)
    assert "nobody1900: not in references.bib" in Page(report.page(run, [])).text


def test_short_names_are_as_in_running_text():
    known = cite.entries()
    assert known["song2000"].short == "Song et al. 2000"
    assert known["pfister2006"].short == "Pfister & Gerstner 2006"
    assert known["huttenlocher1979"].short == "Huttenlocher 1979"
    assert known["song2000"].link == "https://doi.org/10.1038/78829"
