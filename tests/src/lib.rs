//! Black-box suites; see `tests/tests/`.
