"""SSH: whom the hosts are open to, and the endpoint that reaches them without an open port."""

from settings.base import Model as _Model
from settings.words import Network, PublicKey


class Ssh(_Model):
    """SSH: closed unless networks are named, or an endpoint is wanted.

    The `endpoint` is EC2 Instance Connect's: it takes connections by AWS credentials, and opens
    port 22 of the hosts to itself alone.
    """

    public_key: PublicKey | None = None
    allow_from: tuple[Network, ...] = ()
    endpoint: bool = False
