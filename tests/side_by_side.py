"""Which lab tests share a lab."""

# The files of a row share a lab; the others make labs of their own.
SHARED = (
    ("tests/lab/test_0",),
    tuple(f"tests/lab/test_{number}" for number in range(10, 15)),
    tuple(f"tests/lab/test_{number}" for number in range(15, 20)),
)


def shares(test: str) -> bool:
    """Whether a test, by its id, shares its lab with others."""
    return any(test.startswith(row) for row in SHARED)
