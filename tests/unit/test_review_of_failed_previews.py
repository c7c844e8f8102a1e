"""What a review tells where its preview fails: what the stack's file changes, beside the error."""

import re

from review_changes import DOMAIN, RECORD, reading, record, step

from ops.review.change import Change
from ops.review.preview import Preview
from ops.review.report import markdown, report


def test_a_preview_that_fails_at_a_zone_still_tells_what_the_file_changes() -> None:
    """The program ends at the first zone that is missing, before it declares a record."""
    start = reading({"domains": [{"name": "shop.example"}, {"name": "old.example"}]})
    end = reading(
        {
            "domains": [
                {"name": "shop.example", "dmarc": {"policy": "reject"}},
                {"name": "new.example"},
            ],
            "forwards": [{"address": "info@new.example", "to": ["me@inbox.example"]}],
        }
    )
    failed = report("test", Change(Preview((), (), ("no zone for new.example",)), start, end))
    unknown = "what its records say is not known, since the preview fails."
    assert failed.sentences == [
        f"The domain new.example is added; {unknown}",
        "The domain old.example is removed: no login may send as it any more, and its records go.",
        f"The settings of the domain shop.example change; {unknown}",
        "Mail for info@new.example is forwarded to me@inbox.example.",
    ]
    assert "no zone for new.example" in markdown(failed)
    assert re.search(r"new\.example<br/>.*:::added", failed.picture)


def test_a_domain_that_a_failed_preview_has_seen_whole_is_told_by_its_records() -> None:
    end = reading({"domains": [{"name": "shop.example"}, {"name": "new.example"}]})
    name = "s1._domainkey.new.example"
    seen = (
        step(DOMAIN, "new.example", "create"),
        step(RECORD, f"{name}-TXT", "create", after=record(name, "TXT", "v=DKIM1; p=AA")),
    )
    failed = report("test", Change(Preview(seen, (), ("no image",)), reading(), end))
    assert failed.sentences[0].startswith("The domain new.example is added: its mail is signed")
