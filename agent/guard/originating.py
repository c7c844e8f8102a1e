"""What originates with us: by a login, from the host itself, and the notices that Postfix makes."""

from agent.guard.message import TAKEN, Message, Verdict
from agent.guard.tables import Tables


def judge(message: Message, tables: Tables, begun: Tables) -> Verdict:
    """Whether a message may leave."""
    del message, tables, begun
    return TAKEN
