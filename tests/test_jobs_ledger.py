"""The ledger: what goes in comes out, and it may grow."""

import sqlite3
import time
from dataclasses import replace

import pytest
from studio_setup import body

from flashworld.jobs import Workshop
from flashworld.jobs.job import new_id
from flashworld.jobs.ledger import Ledger
from flashworld.request import parse_request

A_REQUEST = parse_request(body())


def test_an_entry_of_the_ledger_comes_back_as_it_went_in(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    facts = {
        "id": new_id(), "name": "ü", "client": "::1", "created_at": 1.5, "note": None, "text_prompt": "a 'quoted' \0",
        "has_image": True, "frames": 3, "height": 64, "width": 96, "image_index": 2, "seed": 2**63 - 1,
        "exact_size": False, "model": "tiny", "trained": False, "work": 2**40, "filmed": 7,
    }  # fmt: skip
    job = ledger.add(**facts)
    assert {name: getattr(job, name) for name in facts} == facts
    changed = ledger.update(job.id, seconds={"denoise": 0.25}, files={"ply": 3})
    assert changed == replace(job, seconds={"denoise": 0.25}, files={"ply": 3})
    with pytest.raises(sqlite3.OperationalError), ledger.transaction():
        ledger.update(ledger.update(job.id, name="never").id, no_such_column=1)
    assert ledger.get(job.id) == changed
    ledger.close()


def test_ten_thousand_finished_jobs_slow_nothing(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker])
    job = workshop.submit(A_REQUEST)
    with workshop._ledger.transaction():
        values = vars(job) | {"state": "completed", "finished_at": time.time(), "bytes": 10}
        del values["number"], values["place"]
        for _ in range(10_000):
            workshop._ledger.add(**(values | {"id": new_id()}))
    workshop.close()
    started = time.monotonic()
    workshop = Workshop(tmp_path, [maker])
    workshop.page(50)
    workshop.status([workshop.job(job.id)])
    workshop._sweep()
    assert time.monotonic() - started < 30
    parts = [workshop, workshop._ledger, workshop._crew, workshop._news, workshop._shelf]
    held = [value for part in parts for value in vars(part).values() if isinstance(value, (list, dict, set))]
    assert held
    assert max(map(len, held)) < 100, "no memory grows with what is finished"
    workshop.close()
