"""The battery: what strangers and thieves of a login try, and what must happen.

Every row of `rows/` is one attempt with its outcome, and names the weakened configuration (a
mutant) under which the outcome would be another: a row that no mutant turns wrong proves nothing.
`python -m abuse` (`make battery`) tries all rows against a running set-up from the lab's internet,
then each mutant with the rows that claim to catch it.
"""
