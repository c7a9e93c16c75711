"""Results wait for a while, in places that nobody guesses; nothing else is ever deleted."""

import os
import re
import threading
from pathlib import Path

import pytest

from flashworld.apps.gradio.shelf import Place, Rules, Shelf, Visitor
from flashworld.errors import FormatError


def put(shelf: Shelf, session: str = "anna", kilobytes: int = 1, address: str = "10.0.0.1") -> Place:
    place = shelf.open(Visitor(session, address))
    (place.path / "flashworld.ply").write_bytes(bytes(1000 * kilobytes))
    shelf.close(place, keep=True)
    return place


def test_names_are_long_and_never_the_same(tmp_path: Path):
    shelf = Shelf(tmp_path, Rules(per_visitor=1000))
    names = {put(shelf).id for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)


def test_a_visitor_keeps_the_newest(tmp_path: Path):
    shelf = Shelf(tmp_path, Rules(per_visitor=2))
    first, other, *rest = put(shelf), put(shelf, "bert"), put(shelf), put(shelf)
    assert shelf.find(first.id) is None
    assert not first.path.exists()
    assert all(shelf.find(place.id) == place for place in (other, *rest))


def test_old_results_go(tmp_path: Path):
    shelf = Shelf(tmp_path, Rules(seconds=0))
    place = put(shelf)
    shelf.tidy()
    assert not place.path.exists()


def test_the_oldest_go_when_the_shelf_is_full(tmp_path: Path):
    shelf = Shelf(tmp_path, Rules(gigabytes=25e-6, per_visitor=9))
    places = [put(shelf, f"visitor {number}", 10) for number in range(4)]
    assert [place.path.exists() for place in places] == [False, False, True, True]


def test_who_names_himself_anew_each_time_loses_his_own_results_first(tmp_path: Path):
    """A session's name is its client's choice; the address is not."""
    shelf = Shelf(tmp_path, Rules(gigabytes=45e-6))
    kept = put(shelf, "anna", 10, "10.0.0.1")
    flood = [put(shelf, f"flood {number}", 10, "10.6.6.6") for number in range(9)]
    assert shelf.find(kept.id) == kept
    assert [shelf.find(place.id) is not None for place in flood] == [False] * 6 + [True] * 3


def test_what_is_being_made_is_neither_found_nor_removed(tmp_path: Path):
    shelf = Shelf(tmp_path, Rules(seconds=0, gigabytes=1e-6))
    place = shelf.open(Visitor("anna", "10.0.0.1"))
    (place.path / "half.ply").write_bytes(bytes(5000))
    shelf.tidy()
    assert (shelf.find(place.id), shelf.remove(place.id)) == (None, [])
    assert place.path.exists()
    with pytest.raises(FormatError, match="full at the moment"):
        shelf.open(Visitor("bert", "10.0.0.2"))
    shelf.close(place, keep=False)
    assert not place.path.exists()


@pytest.mark.parametrize("name", ["..", "../results", "/etc", "", "results", "a" * 32, None, 7, ["x"], {"a": 1}, "\0"])
def test_names_that_were_not_given_out_lead_nowhere(tmp_path: Path, name: object):
    shelf = Shelf(tmp_path)
    kept = put(shelf)
    assert (shelf.find(name), shelf.remove(name)) == (None, [])
    assert kept.path.exists()


def test_only_our_own_files_are_deleted(tmp_path: Path):
    """Neither what lies beside the results, nor a folder in their midst that this program did not make."""
    strangers = [tmp_path / "notes.txt", tmp_path / "other/file.ply", tmp_path / "results/stranger/file.ply"]
    for stranger in strangers:
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_text("mine")
        os.utime(stranger, (0, 0))
    shelf = Shelf(tmp_path, Rules(seconds=0, upload_gigabytes=0))
    put(shelf)
    shelf.tidy()
    assert all(stranger.exists() for stranger in strangers)


@pytest.mark.parametrize("name", [f"{'0123456789abcdef' * 4}/photo.jpg", "tmpk3_x9abc"], ids=["whole", "half"])
def test_uploads_expire_too(tmp_path: Path, name: str):
    upload = tmp_path / name
    upload.parent.mkdir(exist_ok=True)
    upload.write_bytes(bytes(1000))
    shelf = Shelf(tmp_path, Rules(upload_gigabytes=1))
    shelf.tidy()
    assert upload.exists()
    Shelf(tmp_path, Rules(upload_gigabytes=1e-9)).tidy()
    assert not upload.exists()


def test_many_at_once(tmp_path: Path):
    """Makers and removers do not trip over each other."""
    shelf, failed = Shelf(tmp_path, Rules(per_visitor=3)), []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                shelf.remove(put(shelf, f"visitor {number % 3}").id)
                put(shelf, f"visitor {number % 3}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(list((tmp_path / "results").iterdir())) <= 9
