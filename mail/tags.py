"""Tag=value lists, the form of DKIM's records (RFC 6376, 3.2)."""

from dkim import util


def read(text: str) -> dict[str, str]:
    """The tags in order; ValueError names a part that is no tag, or a tag that is there twice."""
    try:
        found = util.parse_tag_value(text.encode())
    except util.DuplicateTag as error:
        raise ValueError(f"the tag {error.args[0].decode()} is there twice") from None
    except util.InvalidTagSpec as error:
        raise ValueError(f"{error.args[0].decode()!r} is no tag with a value") from None
    return {name.decode(): value.decode() for name, value in found.items()}
