"""The page says of a workload what the terminal says: both are held to one table."""

from __future__ import annotations

from scripts.row_texts import TARGET, table, written


def test_the_table_that_the_page_is_tested_with_is_what_python_says() -> None:
    assert TARGET.read_text() == written(table()), "run python scripts/row_texts.py"
