"""What arrives on port 25, after SPF, DKIM and DMARC have been judged."""

from agent.guard.message import TAKEN, Message, Verdict
from agent.guard.tables import Tables


def judge(message: Message, tables: Tables, begun: Tables) -> Verdict:
    """Whether a message from outside is taken."""
    del message, tables, begun
    return TAKEN
