"""The faults that `mutants.py` puts in, and the test that must fail for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In a file, or in one of a folder's, `text` (there once) is replaced; then `test` must fail.

    `test` is a file of `tests/unit`, with the name of a test where it has many others.
    """

    name: str
    where: str
    text: str
    replacement: str
    test: str


def _rows(test: str, *rows: tuple[str, str, str, str]) -> list[Mutant]:
    """Rows that one test must find: what is wrong, where, the text, what is there instead."""
    return [Mutant(*row, test=f"tests/unit/{test}") for row in rows]


MASTER, MAIN = (f"templates/gateway/etc/postfix/{name}.cf.j2" for name in ("master", "main"))
GUARD = "agent/guard/originating.py"
INBOUND = "agent/guard/inbound.py"

ROWS = [
    # what a host does with its tables
    *_rows(
        "test_agent_main.py",
        (
            "the oldest selector signs",
            "agent/published.py",
            'in reversed(entry["selectors"])',
            'in entry["selectors"]',
        ),
        (
            "a refused object exits 0",
            "agent/main.py",
            "return 1 if found.problem else 0",
            "return 0",
        ),
        (
            "another host's tables are taken",
            "agent/bundle.py",
            '_need(bundle["host"] == host,',
            "_need(True,",
        ),
        (
            "keys that are not known are taken",
            "agent/bundle.py",
            "keys <= set(bundle) <= keys | optional",
            "keys <= set(bundle)",
        ),
        (
            "private keys are readable by all",
            "agent/main.py",
            'File(selector["privateKey"], "opendkim", "opendkim")',
            'File(selector["privateKey"], "opendkim", "opendkim", 0o644)',
        ),
        (
            "passwords are readable by all",
            "agent/main.py",
            'File(text, "root", "dovecot", 0o640)',
            'File(text, "root", "dovecot", 0o644)',
        ),
        (
            "a bucket with nothing new is told of",
            "agent/main.py",
            "if content is answer.content and content != kept:",
            "if content is not None:",
        ),
    ),
    *_rows(
        "test_agent.py",
        (
            "a server that does not know the zone is believed",
            "agent/published.py",
            " or not answer.flags & dns.flags.AA",
            "",
        ),
        (
            "a key counts as shown while a server is silent",
            "agent/published.py",
            "return True if says_all else None",
            "return True",
        ),
        (
            "a forward may lead to a command",
            "agent/bundle.py",
            "all(names.is_address(target) for target in targets)",
            "True",
        ),
        (
            "a password may have a line's end",
            "agent/bundle.py",
            '_need(names.is_password(login["password"])',
            "_need(True",
        ),
        (
            "a login may send as any domain",
            "agent/bundle.py",
            '_need(domain in bundle["domains"], f"{where}.sendAs',
            '_need(True, f"{where}.sendAs',
        ),
    ),
    *_rows(
        "test_agent_heals.py::test_a_fault_at_any_call_is_mended_by_the_next_two_looks",
        (
            "readers are told of a change before it is written down",
            "agent/readers.py",
            "        to_tell(base, owed)\n        install(base, files)\n",
            "        install(base, files)\n        to_tell(base, owed)\n",
        ),
    ),
    # who may write what
    *_rows(
        "test_guard.py",
        ("a second From is taken", GUARD, "if len(authors) != 1:", "if not authors:"),
        (
            "a login may write as anybody",
            GUARD,
            "return not login.send_as.isdisjoint((address, plain,",
            "return True or not login.send_as.isdisjoint((address, plain,",
        ),
        (
            "a session outlives its password",
            GUARD,
            " or login.proof != before.proof",
            "",
        ),
        (
            "mail leaves with no signature",
            GUARD,
            "if match] != [signer]:",
            "if match] == [0]:",
        ),
        (
            "a name may show another's address",
            GUARD,
            "_shows_another(author, mine) or _other_senders(message, mine)",
            "_other_senders(message, mine)",
        ),
        (
            "a Sender may be another's",
            GUARD,
            "_shows_another(author, mine) or _other_senders(message, mine)",
            "_shows_another(author, mine)",
        ),
        (
            "a host's user writes as another",
            GUARD,
            "if not by_root and author.address",
            "if False and author.address",
        ),
    ),
    *_rows(
        "test_guard_inbound.py",
        ("strangers send as us", INBOUND, "if own and not proved:", "if own and not sender:"),
        (
            "a From of ours needs no proof",
            INBOUND,
            "if _is_ours(domain, rules, tables):",
            "if _is_ours(domain, rules, tables) and not domain:",
        ),
        (
            "a policy of reject is not followed",
            INBOUND,
            '== ("fail", "reject")',
            '== ("fail", "refuse")',
        ),
        (
            "a verdict of a stranger's is believed",
            "agent/guard/results.py",
            "if who.strip().lower() != host:",
            "if not who:",
        ),
        (
            "a second verdict is believed",
            "agent/guard/results.py",
            "if kind in found:",
            "if not kind:",
        ),
        ("mail goes round for ever", INBOUND, "passes >= PASSES or ", "passes < 0 or "),
    ),
    # ways in
    *_rows(
        "test_postfix_files.py",
        (
            "a login may use any envelope sender",
            MASTER,
            "reject_non_fqdn_sender,reject_sender_login_mismatch",
            "reject_non_fqdn_sender",
        ),
        (
            "passwords in clear",
            MASTER,
            "smtpd_tls_security_level=encrypt",
            "smtpd_tls_security_level=may",
        ),
        (
            "submission is not signed",
            MASTER,
            "  -o { smtpd_milters = $signer, $guard }\n  -o milter_macro_daemon_name={{ service }}",
            "  -o milter_macro_daemon_name={{ service }}",
        ),
        (
            "submission relays for anybody",
            MASTER,
            "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
            "smtpd_relay_restrictions=permit",
        ),
        (
            "the guard does not see what comes by 25",
            MASTER,
            "unix:/run/opendmarc/opendmarc.sock, $guard }",
            "unix:/run/opendmarc/opendmarc.sock }",
        ),
        (
            "guessed passwords are endless",
            MASTER,
            "smtpd_hard_error_limit=1\n",
            "smtpd_hard_error_limit=100\n",
        ),
        (
            "logins have no limits",
            MASTER,
            "  -o { smtpd_data_restrictions = $login_limits }\n",
            "",
        ),
    ),
    *_rows(
        "test_user_data.py",
        (
            "mail leaves unsigned while OpenDKIM is away",
            MAIN,
            "milter_default_action = tempfail",
            "milter_default_action = accept",
        ),
        (
            "25 relays for the whole network",
            MAIN,
            "mynetworks = 127.0.0.0/8",
            "mynetworks = 10.0.0.0/8",
        ),
    ),
    *_rows(
        "test_fetch.py",
        (
            "scripts may not be executed",
            "templates/boot/fetch.j2",
            '0o755 if text.startswith("#!") else 0o644',
            "0o644",
        ),
        (
            "another's set-up object is laid",
            "templates/boot/fetch.j2",
            "if found != digest:",
            "if not found:",
        ),
    ),
    # what is declared
    *_rows(
        "test_options.py",
        (
            "existing records are not looked for",
            "components",
            "hooks=pulumi.ResourceHookBinding(before_create=[self._guard])",
            "hooks=None",
        ),
        (
            "a PTR does not wait for its A record",
            "components",
            "depends_on=[name, *zones.leads]",
            "depends_on=[*zones.leads]",
        ),
        ("a data volume is not protected", "components", "protect=protect,\n", "protect=False,\n"),
        (
            "addresses are not protected",
            "components/identity.py",
            "lasting = pulumi.ResourceOptions(parent=self, protect=protect)",
            "lasting = pulumi.ResourceOptions(parent=self, protect=False)",
        ),
        (
            "keys of domains are not protected",
            "components/mail_domain.py",
            "protect=settings.protect)",
            "protect=False)",
        ),
        (
            "a key is made anew at each run",
            "components/secrets.py",
            'ignore_changes=["input"], ',
            "",
        ),
        (
            "a key is plain in the state",
            "components/secrets.py",
            ', additional_secret_outputs=["output"]',
            "",
        ),
        (
            "tables are plain in the state",
            "components/tables.py",
            ', additional_secret_outputs=["content"]',
            "",
        ),
        (
            "a volume moves to another zone, and is empty there",
            "components/identity.py",
            'ignore_changes=["availability_zone"],',
            "ignore_changes=[],",
        ),
        (
            "two instances want one interface",
            "components/host.py",
            "delete_before_replace=True,\n",
            "delete_before_replace=False,\n",
        ),
        (
            "a volume is attached twice",
            "components/host.py",
            "delete_before_replace=True)",
            "delete_before_replace=False)",
        ),
        (
            "objects are put before the bucket is closed",
            "components/tables.py",
            "[self._versioning, encryption, closed, policy]",
            "[self._versioning, encryption]",
        ),
        (
            "passwords are short",
            "components/secrets.py",
            "PASSWORD_BYTES = 24",
            "PASSWORD_BYTES = 4",
        ),
    ),
    *_rows(
        "test_graph.py",
        (
            "a stolen request reads the host's keys",
            "components/host.py",
            '"http_tokens": "required"',
            '"http_tokens": "optional"',
        ),
        (
            "the host's role is for what is behind it too",
            "components/host.py",
            '"http_put_response_hop_limit": 1',
            '"http_put_response_hop_limit": 2',
        ),
        (
            "a host reads all tables",
            "components/host.py",
            '_object("s3:GetObject", store.arn(key))',
            '_object("s3:GetObject", store.arn("*"))',
        ),
        (
            "a gateway writes any record of its name",
            "components/host.py",
            '        f"{prefix}RecordTypes": ["TXT"],\n',
            "",
        ),
        (
            "a gateway writes records without conditions",
            "components/host.py",
            'dict.fromkeys(tests, "false")',
            'dict.fromkeys(tests, "true")',
        ),
        (
            "a data volume is not encrypted",
            "components/identity.py",
            "encrypted=True",
            "kms_key_id=None",
        ),
        (
            "the bucket may be opened by a policy",
            "components/tables.py",
            "block_public_policy=True",
            "block_public_policy=False",
        ),
        (
            "tables travel in clear",
            "components/tables.py",
            '"Effect": "Deny"',
            '"Effect": "Allow"',
        ),
        (
            "tables are no secret",
            "components/tables.py",
            "pulumi.Output.secret(content).apply(",
            "pulumi.Output.from_input(content).apply(",
        ),
        (
            "a revoked key stays",
            "mail/dkim.py",
            'REVOKED = "v=DKIM1; k=rsa; p="',
            'REVOKED = "v=DKIM1; k=rsa"',
        ),
        (
            "hosts have no SPF of their own",
            "mail/spf.py",
            '["v=spf1", "a", *terms, "-all"]',
            '["v=spf1", "a", *terms, "~all"]',
        ),
        (
            "everybody is a gateway",
            "mail/spf.py",
            'for address in addresses), "-all"]',
            'for address in addresses), "+all"]',
        ),
        (
            "the gateway's own domain is not signed",
            "settings/model.py",
            'return (MailDomain.model_validate({"name": self.gateway_domain}), *self.domains)',
            "return self.domains",
        ),
    ),
    *_rows(
        "test_every_setting.py::test_a_setting_changes_what_is_declared[acme.email]",
        (
            "acme.email is ignored",
            "components",
            "s.acme.email or s.operator",
            "s.operator",
        ),
    ),
    # texts in DNS, and keys
    *_rows(
        "test_mail.py",
        ("a TXT string is too long", "mail/txt.py", "STRING = 255", "STRING = 256"),
        (
            "quotation marks end a TXT string",
            "mail/txt.py",
            "if chr(octet) in '\"\\\\':",
            "if chr(octet) in '\\\\':",
        ),
        (
            "consent to reports is at the wrong name",
            "mail/dmarc.py",
            'return f"{domain}._report._dmarc.{report_domain}"',
            'return f"{report_domain}._report._dmarc.{domain}"',
        ),
        ("keys are short", "mail/dkim.py", "key_size=BITS)", "key_size=1024)"),
    ),
    # settings
    *_rows(
        "test_settings.py",
        (
            "a short key is brought in",
            "mail/dkim.py",
            "if key.key_size < BITS:",
            "if key.key_size < 512:",
        ),
        (
            "SSH is open to the world",
            "settings/conflicts/hosts.py",
            "ipaddress.IPv4Network(allowed).prefixlen < 8",
            "ipaddress.IPv4Network(allowed).prefixlen < 0",
        ),
        (
            "a revoked key is used again",
            "settings/conflicts/domains.py",
            "set(domain.selectors) & set(domain.retired)",
            "set[str]()",
        ),
        (
            "forwards go in a circle",
            "settings/conflicts/people.py",
            "if path := aliases.loop(forward.address, targets):",
            "if path := ():",
        ),
    ),
    *_rows(
        "test_settings_of_domains.py",
        (
            "a second SPF policy is published",
            "settings/words.py",
            "if spf.is_policy(value):",
            "if not value:",
        ),
        (
            "everybody passes SPF",
            "mail/spf.py",
            'return "every address passes" if query.result == "pass" else None',
            "return None",
        ),
    ),
    *_rows(
        "test_settings_marks.py",
        (
            "secrets are shown in errors",
            "settings/errors.py",
            "field is None or marks.is_hidden(field)",
            "field is None",
        ),
        (
            "a private key in the wrong place is shown",
            "settings/errors.py",
            "if PRIVATE in str(value):",
            "if not key:",
        ),
    ),
    # commands
    *_rows(
        "test_review.py",
        (
            "pct is not compared",
            "ops/review/warnings.py",
            "pct = 100 if given.pct is None else given.pct",
            "pct = 100",
        ),
        (
            "a lost volume is no warning",
            "ops/review/warnings.py",
            '"volume-lost",',
            '"note",',
        ),
    ),
    *_rows(
        "test_stack_file.py",
        ("None stays in the stack's file", "ops", "item.pop(key, None)", "item[key] = value"),
    ),
    *_rows(
        "test_users_test.py",
        ("users test never logs in", "ops", "session.login(login, password)", "session.ehlo()"),
    ),
    *_rows(
        "test_environments.py",
        (
            "secrets go to environments",
            "ops/environments/mapping.py",
            "if not marks.is_secret(known[key])",
            "if known[key]",
        ),
    ),
    *_rows(
        "test_rotate.py",
        (
            "a selector goes while mail may carry it",
            "ops/rotate/safety.py",
            "if age < wait:",
            "if age < 0 * wait:",
        ),
        (
            "a selector goes while the host signs with it",
            "ops/rotate/safety.py",
            "if signing != newest:",
            "if not newest:",
        ),
    ),
    *_rows(
        "test_policy.py",
        (
            "production may be unprotected",
            "policy/rules/whole.py",
            "if resource.type in LASTING and not resource.protect and not waits:",
            "if resource.type not in LASTING and not resource.protect and not waits:",
        ),
    ),
]
