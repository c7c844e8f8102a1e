"""The table, a file for each stage of the protocol or kind of harm."""

from abuse.row import Row
from abuse.rows import (
    auth,
    author,
    backscatter,
    cut,
    envelope,
    faults,
    floods,
    forged,
    leaks,
    limits,
    ports,
    relay,
    secrets,
    signing,
    smtp,
    srs,
    tables,
    tls,
)

ROWS: tuple[Row, ...] = (
    *relay.ROWS,
    *smtp.ROWS,
    *auth.ROWS,
    *tls.ROWS,
    *envelope.ROWS,
    *author.ROWS,
    *signing.ROWS,
    *forged.ROWS,
    *backscatter.ROWS,
    *srs.ROWS,
    *limits.ROWS,
    *leaks.ROWS,
    *ports.ROWS,
    *secrets.ROWS,
    *tables.ROWS,
    *floods.ROWS,
    *cut.ROWS,
    *faults.ROWS,
)
