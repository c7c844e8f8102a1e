"""What the program warns of in a preview is told by a review, once, and if it is new."""

import json

from review_changes import reading

from ops.review import preview
from ops.review.change import Change
from ops.review.preview import Preview
from ops.review.report import markdown, report
from settings.advice import advice


def test_advice_is_told_if_it_is_new() -> None:
    start = reading({"ssh": {"allowFrom": ["198.51.100.0/24"]}})
    (known,) = advice(start.settings)
    seen = Preview((), (), (), (known, "odd region"))
    assert report("test", Change(seen, start, start)).advice == ["odd region"]
    assert report("test", Change(seen, None, start)).advice == [known, "odd region"]


def test_a_warning_of_the_program_is_told_once() -> None:
    step = {"op": "same", "urn": "urn:pulumi:test::mail-relay::a:b:C::h", "old": None, "new": None}
    warning = {"severity": "warning", "message": "odd region\n"}
    # a run of the program may say it again
    events = [{"resourcePreEvent": {"metadata": step}}, *[{"diagnosticEvent": warning}] * 2]
    found = preview.read(json.dumps(event) for event in events)
    assert found.advice == ("odd region",)
    shown = markdown(report("test", Change(found, reading(), reading())))
    assert "### What the program advises\n\n- odd region" in shown


def test_a_failure_that_no_event_tells_of_is_an_error() -> None:
    events = [json.dumps({"policyLoadEvent": {}}), json.dumps({"cancelEvent": {}})]
    assert preview.read(events).errors == ()
    assert preview.read(events, "the pack failed to start").errors == ("the pack failed to start",)
    told = {"diagnosticEvent": {"severity": "error", "message": "no image"}}
    assert preview.read([*events, json.dumps(told)], "1 error").errors == ("no image",)
    broken = {"policyName": "r", "resourceUrn": "u::h", "message": "m"}
    for level, errors in (("mandatory", ()), ("advisory", ("the pack failed",))):
        event = {"policyEvent": {**broken, "enforcementLevel": level}}
        assert preview.read([*events, json.dumps(event)], "the pack failed").errors == errors
