"""The program behind `aig-billing`: loads AI Gateway billing into DuckDB and answers from what it loaded."""
