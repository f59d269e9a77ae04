from gateway.pages import Page, read_page
from gateway.run_rows import RunRows


def test_runs_are_counted_by_model_and_by_the_power_of_two_their_rows_fit_into(tmp_path):
    page, sizes = Page.create(tmp_path / "w00.page"), RunRows()
    for rows in (1, 2, 3, 4, 5, 4096, 9_999):
        sizes.ran("m", rows)
    sizes.publish(page)
    sizes.ran("m", 2)
    sizes.publish(page)
    sizes.publish(page)
    values = {(item.name, item.labels.get("le")): item.value for item in read_page(tmp_path / "w00.page")}
    edges = ("1.0", "2.0", "4.0", "8.0", "2048.0", "4096.0", "+Inf")
    assert [values["gnomon_run_rows_bucket", edge] for edge in edges] == [1, 3, 5, 6, 6, 7, 8]
    assert values["gnomon_run_rows_sum", None] == 1 + 2 + 3 + 4 + 5 + 4096 + 9_999 + 2


def test_a_worker_that_comes_back_counts_on_from_its_page(tmp_path):
    for _ in range(2):
        page, sizes = Page.open(tmp_path / "w00.page"), RunRows()
        sizes.ran("m", 1)
        sizes.publish(page)
    values = {(item.name, item.labels.get("le")): item.value for item in read_page(tmp_path / "w00.page")}
    assert values["gnomon_run_rows_bucket", "1.0"] == values["gnomon_run_rows_bucket", "+Inf"] == 2
