"""The command `fakelocator models`."""

from __future__ import annotations

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import JsonRowsOption


def models(as_json: JsonRowsOption = False) -> None:
    """List the models of the zoo."""
    from fakelocator_zoo.zoo.models import model_table

    rows = model_table()
    if as_json:
        with terminal.JsonRows(True) as printed:
            for row in rows:
                printed.add(row)
        return
    table = terminal.table("name", "parameters", "MB", "license", "trained on")
    for row in rows:
        parameters = "-" if row["parameters"] is None else f"{row['parameters'] / 1e6:.2f} M"
        megabytes = "-" if row["megabytes"] is None else f"{row['megabytes']:.1f}"
        table.add_row(row["name"], parameters, megabytes, row["license"], row["trained_on"])
    terminal.show(table)
