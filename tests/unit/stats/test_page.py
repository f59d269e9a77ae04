"""The example of docs/drift-library.md runs, and finds what it says it finds."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "drift-library.md"


def test_the_example_of_the_page_finds_the_columns_that_were_moved():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert {verdict.name for verdict in names["window"].judge() if verdict.alarmed} == {"distance", "carrier"}
    assert names["window"].new_categories()["carrier"].share == 1.0
