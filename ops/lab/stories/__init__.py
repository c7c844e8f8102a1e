"""The story of each reference set-up, played with real mail: `./relay lab demo`."""

from collections.abc import Sequence

from ops.lab.stories import basics, gateway, handson, resilient, sendas, smarthost
from ops.lab.stories.stage import Act

STORIES: dict[str, Sequence[Act]] = {
    "sendas": sendas.ACTS,
    "gateway": gateway.ACTS,
    "basics": basics.ACTS,
    "handson": handson.ACTS,
    "smarthost": smarthost.ACTS,
    "resilient": resilient.ACTS,
}
