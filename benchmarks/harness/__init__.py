"""The benchmark harness: one module a table, cells that are computed once, one report."""
