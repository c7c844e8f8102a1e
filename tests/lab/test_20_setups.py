"""The reference set-ups: each example comes up, does what it is for, and goes without a trace."""

import imaplib
import json
import smtplib
import subprocess
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import pytest
import yaml
from held import Held
from world import PROJECT

from lab import control
from lab.internet import send
from lab.internet.stranger import Stranger, stranger
from lab.lab import Lab
from lab.wait import until
from ops.errors import StackError
from ops.lab import region
from ops.lab.stories import STORIES
from ops.lab.stories.basics import JANE, mailbox
from ops.lab.stories.stage import Stage, refused
from ops.lab.target import LabTarget, named
from ops.outputs import Host


@dataclass(frozen=True)
class SetUp:
    """A set-up by its key, in a lab of the same name."""

    key: str

    @property
    def target(self) -> LabTarget:
        """Its stack."""
        return named(self.key)

    def relay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`./relay lab ARGUMENTS` on this lab."""
        command = [str(PROJECT / "relay"), "lab", *arguments, f"--lab={self.key}"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=1000)


@pytest.fixture(scope="module", params=STORIES)
def set_up(request: pytest.FixtureRequest) -> Iterator[SetUp]:
    made, lab = SetUp(request.param), Lab(request.param)
    control.remove(lab)
    result = made.relay("up", "--example", made.key)
    assert result.returncode == 0, result.stderr
    yield made
    result = made.relay("down", "--json")
    control.remove(lab)
    assert json.loads(result.stdout)["left"] == []


def test_each_has_an_example_and_a_page() -> None:
    examples = {path.name.split(".")[1] for path in (PROJECT / "examples").iterdir()}
    pages = {path.stem for path in (PROJECT / "docs/setups").iterdir()}
    assert examples == pages == set(STORIES)


def test_it_does_what_it_is_for(set_up: SetUp) -> None:
    result = set_up.relay("demo", "--json")
    acts = json.loads(result.stdout)
    assert [act for act in acts if not act["passed"]] == []
    assert len(acts) == len(STORIES[set_up.key])
    assert result.returncode == 0, result.stderr


ANN = "ann@example.com"


def done(set_up: SetUp, *arguments: str) -> str:
    """Standard output of `./relay ARGUMENTS` on the set-up's stack, which must work."""
    command = [str(PROJECT / "relay"), *arguments, f"--lab={set_up.key}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def up(set_up: SetUp, friend: Stranger) -> Stage:
    """The set-up after `pulumi up`, with its new tables in force."""
    done(set_up, "pulumi", "up", "--yes", "--skip-preview", "--stack=lab")
    stage = Stage(Lab(set_up.key), set_up.target.outputs(), friend)
    stage.run(stage.gateway, "systemctl", "start", "mail-relay-tables.service")
    stage.run(stage.gateway, "systemctl", "reload", "postfix.service")
    return stage


def quota(inbox: imaplib.IMAP4) -> tuple[int, int]:
    """KiB that a mailbox takes, and may take (RFC 9208, 4.1.2)."""
    said = inbox.getquota("Mailbox")[1][0]
    assert isinstance(said, bytes)
    used, limit = said.removeprefix(b"Mailbox (STORAGE ").removesuffix(b")").split()
    return int(used), int(limit)


def mailboxes_come_and_go_without_touching_the_host(set_up: SetUp) -> None:
    subject = send.unique("to the new one")
    host = set_up.target.outputs().gateways[0].instance_id
    with stranger(Lab(set_up.key)) as friend:
        done(set_up, "users", "add", ANN)
        done(set_up, "mailboxes", "add", ANN, "--quota", "5")
        stage = up(set_up, friend)
        stage.write(ANN, subject)
        with mailbox(stage, ANN) as inbox:
            inbox.wait_for(subject)
            used, limit = quota(inbox)
            assert 0 < used < 10
            assert limit == 5 * 1024
        done(set_up, "mailboxes", "change", ANN, "--quota", "6")
        listed = json.loads(done(set_up, "mailboxes", "list", "--json"))
        assert listed[-1] == {"address": ANN, "quotaMiB": 6, "aliases": []}

        anns, janes = (mailbox(stage, login) for login in (ANN, JANE))
        done(set_up, "mailboxes", "remove", ANN)
        done(set_up, "users", "remove", ANN)
        after = up(set_up, friend)
        # who was logged in is not any more; the others are
        with pytest.raises(imaplib.IMAP4.abort):
            anns.noop()
        assert janes.noop()[0] == "OK"
        janes.logout()
        assert after.gateway.instance_id == host
        refused(lambda: after.write(ANN, "x"), 550)
        with pytest.raises(imaplib.IMAP4.error):
            mailbox(stage, ANN)
        kept = "/srv/mail/mailboxes/example.com/ann/Maildir"
        after.run(after.gateway, "grep", "-rq", subject, kept)


def a_former_password_leaves_no_session(set_up: SetUp) -> None:
    """Somebody who logs in all the time, so in the very second of the change too."""
    with stranger(Lab(set_up.key)) as friend, ThreadPoolExecutor() as beside:
        stage = Stage(Lab(set_up.key), set_up.target.outputs(), friend)
        # of the last ones alone: the sessions of one address are limited
        readers = deque[imaplib.IMAP4]([mailbox(stage, JANE)], maxlen=5)
        senders = deque[smtplib.SMTP](maxlen=5)
        silent = stage.connect(587, JANE)
        gateway = stage.gateway

        def log_in_until_refused() -> None:
            refusals = 0
            while refusals < 2:  # Dovecot's auth process ends in between
                try:
                    readers.append(mailbox(stage, JANE))
                    senders.append(stage.connect(587, JANE))
                except (imaplib.IMAP4.error, smtplib.SMTPException):
                    refusals += 1

        def has_ended(session: imaplib.IMAP4) -> bool:
            try:
                return session.noop()[0] != "OK"
            except (imaplib.IMAP4.abort, OSError):
                return True

        def answer(session: smtplib.SMTP) -> int:
            try:
                session.send_message(send.compose(JANE, send.RECIPIENT, "by a former password"))
            except smtplib.SMTPDataError as refusal:
                return refusal.smtp_code
            return 250

        done(set_up, "users", "change", JANE, "--new-password")
        held = Held(stage.lab, gateway.name, gateway.address, JANE, stage.password(JANE))
        thief = beside.submit(log_in_until_refused)
        after = up(set_up, friend)
        thief.result(60)
        assert len(readers) == len(senders) == 5
        assert not held.gets_in()
        until("the last session ends", lambda: all(map(has_ended, readers)), 15)
        assert list(map(answer, [silent, *senders])) == [421] * 6
        with mailbox(after, JANE) as inbox:
            assert inbox.noop()[0] == "OK"


def a_rebuild_keeps_mailboxes_and_a_larger_volume_is_used_whole(set_up: SetUp) -> None:
    lab, subjects = Lab(set_up.key), [send.unique("kept"), send.unique("after the rebuild")]
    with stranger(lab) as friend:
        stage = Stage(lab, set_up.target.outputs(), friend)
        stage.write(JANE, subjects[0])
        with mailbox(stage, JANE) as inbox:
            inbox.wait_for(subjects[0])

        file = set_up.target.file
        content = yaml.safe_load(file.read_text())
        content["config"]["mail-relay:gateway"]["dataVolumeGiB"] = 10
        content["config"]["mail-relay:messageSizeLimitMiB"] = 25
        file.write_text(yaml.safe_dump(content))
        done(set_up, "pulumi", "up", "--yes", "--skip-preview", "--stack=lab")
        before, stage = stage.gateway, Stage(lab, set_up.target.outputs(), friend)
        assert stage.gateway.instance_id != before.instance_id
        stage.write(JANE, subjects[1])
        with mailbox(stage, JANE) as inbox:
            for subject in subjects:
                inbox.wait_for(subject)
        with stage.connect(25) as session:
            assert session.esmtp_features["size"] == str(25 * 1024 * 1024)
        size = stage.run(stage.gateway, "df", "--output=size", "--block-size=G", "/srv/mail")
        assert size.split()[-1] == "10G"


def all_gateways_renew_their_certificates_at_once(set_up: SetUp) -> None:
    lab = Lab(set_up.key)
    with stranger(lab) as friend, ThreadPoolExecutor() as at_once:
        stage = Stage(lab, set_up.target.outputs(), friend)

        def renew(gateway: Host) -> None:
            stage.run(gateway, "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")

        gateways = set_up.target.outputs().gateways
        assert len(gateways) > 1
        assert list(at_once.map(renew, gateways)) == [None] * len(gateways)


# As AWS's own command line opens a tunnel, which then shows what sshd says first.
BY_AWS = """
mkfifo in
timeout 60 aws ec2-instance-connect open-tunnel --instance-id "$1" < in > out &
exec 3> in
timeout 60 sh -c 'until grep -aq SSH-2.0 out; do sleep 0.1; done'
"""


def without_an_open_port_hosts_are_reached_by_the_endpoint(set_up: SetUp) -> None:
    """22 is closed to everybody, and nothing is rebuilt for it."""
    lab, file, before = Lab(set_up.key), set_up.target.file, set_up.target.outputs()
    content = yaml.safe_load(file.read_text())
    content["config"]["mail-relay:ssh"]["endpoint"] = True
    del content["config"]["mail-relay:ssh"]["allowFrom"]
    file.write_text(yaml.safe_dump(content))
    with stranger(lab) as friend:
        stage = up(set_up, friend)
    (client,) = stage.outputs.clients
    assert [h.instance_id for h in stage.outputs.hosts] == [h.instance_id for h in before.hosts]
    assert not stage.reaches(stage.gateway.address, 22)

    for host in stage.outputs.hosts:  # the private one directly, without a jump
        assert done(set_up, "shell", host.name, "hostname").split() == [host.name]
    assert json.loads(done(set_up, "queue", "list", "--json")) == []
    assert json.loads(done(set_up, "trace", "alice@example.com", "--json")) != []
    here = f"--lab={set_up.key}"  # what comes after "--" is the command's
    aws = set_up.relay("shell", here, "aws", "--", "sh", "-ec", BY_AWS, "sh", client.instance_id)
    assert aws.returncode == 0, aws.stderr
    only_who_may_open_a_tunnel_gets_in(set_up.target, client)


def only_who_may_open_a_tunnel_gets_in(target: LabTarget, host: Host) -> None:
    """By a policy as the page has it."""
    with region.clients(target.lab) as make:
        iam = make("iam")
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        identity, secret = key["AccessKeyId"], key["SecretAccessKey"]

        def session() -> boto3.Session:
            return boto3.Session(identity, secret, region_name=region.NAME)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(region, "session", session)
            refusal = "user/ann is not authorized to perform: ec2-instance-connect:OpenTunnel"
            with pytest.raises(StackError, match=refusal):
                target.run_on(host, "true")
            page = (PROJECT / "docs/tasks/reach-a-host.md").read_text()
            policy = page.partition("```json\n")[2].partition("```")[0]
            named = {"UserName": "ann", "PolicyName": "tunnels"}
            iam.put_user_policy(**named, PolicyDocument=policy)
            assert target.run_on(host, "whoami") == "root\n"
        iam.delete_user_policy(**named)
        iam.delete_access_key(UserName="ann", AccessKeyId=identity)
        iam.delete_user(UserName="ann")


CHANGES = {
    "basics": (
        mailboxes_come_and_go_without_touching_the_host,
        a_former_password_leaves_no_session,
        a_rebuild_keeps_mailboxes_and_a_larger_volume_is_used_whole,
    ),
    "handson": (without_an_open_port_hosts_are_reached_by_the_endpoint,),
    "resilient": (all_gateways_renew_their_certificates_at_once,),
}


def test_verify_finds_nothing_wrong_with_it_nor_after_changes(set_up: SetUp) -> None:
    verify_finds_nothing_wrong_with(set_up)
    for change in CHANGES.get(set_up.key, ()):
        change(set_up)
        verify_finds_nothing_wrong_with(set_up)


def verify_finds_nothing_wrong_with(set_up: SetUp) -> None:
    found = json.loads(done(set_up, "verify", "--json"))
    assert [check for check in found["checks"] if check["errors"] or check["warnings"]] == []
